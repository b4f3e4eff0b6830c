/** The variables of admission's CEL expressions: object, oldObject, request, authorizer. Loaded with the first expression. */
import type { Environment } from '@marcbachmann/cel-js';
import { isObject } from '../json.ts';
import type { AccessRequest } from '../rbac.ts';
import type { CelEngine } from '../schema/cel.ts';
import type { Body } from '../body.ts';
import type { User } from '../user.ts';
import type { Attributes } from './attributes.ts';

type MayDo = (user: User, request: AccessRequest) => boolean;

export interface AdmissionCel extends Pick<CelEngine, 'compile'> {
  variables(attributes: Attributes, object: Body | undefined, mayDo: MayDo): Readonly<Record<string, unknown>>;
}

let loading: Promise<AdmissionCel> | undefined;
let loaded: AdmissionCel | undefined;

export function admissionCel(): Promise<AdmissionCel> {
  loading ??= load().then((cel) => (loaded = cel));
  return loading;
}

/** Undefined until `admissionCel` has resolved. */
export function loadedAdmissionCel(): AdmissionCel | undefined {
  return loaded;
}

async function load(): Promise<AdmissionCel> {
  const { celEngine } = await import('../schema/cel.ts');
  const engine = celEngine(addAuthorizer);
  return {
    compile: (expression) => engine.compile(expression),
    variables: (attributes, object, mayDo) => ({
      object: plainValue(object),
      oldObject: plainValue(attributes.old),
      request: plainValue(requestOf(attributes)),
      authorizer: new Authorizer(attributes, mayDo),
    }),
  };
}

/** JSON as CEL sees it without a schema: integers apart from doubles. */
export function plainValue(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(plainValue);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, plainValue(member)]),
  );
}

function requestOf({ info, subresource = '', name, namespace = '', operation, user, dryRun, options }: Attributes) {
  const { group, version, kind, plural: resource } = info;
  return {
    kind: { group, version, kind },
    resource: { group, version, resource },
    subResource: subresource,
    requestKind: { group, version, kind },
    requestResource: { group, version, resource },
    requestSubResource: subresource,
    name,
    namespace,
    operation,
    userInfo: { username: user.name, uid: user.uid ?? '', groups: user.groups, extra: user.extra ?? {} },
    dryRun,
    options,
  };
}

class Authorizer {
  readonly attributes: Attributes;
  readonly mayDo: MayDo;
  readonly user: User;
  /** The resource of the request, as an expression reads it. */
  readonly requestResource: Check;
  constructor(attributes: Attributes, mayDo: MayDo, user: User = attributes.user) {
    this.attributes = attributes;
    this.mayDo = mayDo;
    this.user = user;
    const { info, subresource, namespace, name } = attributes;
    const resource = { group: info.group, resource: info.plural, subresource, namespace, name };
    this.requestResource = new Check(this, resource);
  }
}

interface Checked {
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string;
  readonly path?: string;
}

class Check {
  readonly authorizer: Authorizer;
  readonly what: Checked;
  constructor(authorizer: Authorizer, what: Checked) {
    this.authorizer = authorizer;
    this.what = what;
  }
  with(more: Checked): Check {
    return new Check(this.authorizer, { ...this.what, ...more });
  }
  decide(verb: string): Decision {
    const { group = '', resource, subresource, namespace, name, path } = this.what;
    const { mayDo, user } = this.authorizer;
    const request =
      resource === undefined
        ? { verb, path }
        : { verb, resource: { group, plural: resource, subresource, namespace, name } };
    return new Decision(mayDo(user, request));
  }
}

class Decision {
  readonly allowed: boolean;
  constructor(allowed: boolean) {
    this.allowed = allowed;
  }
}

/** Source: Kubernetes "CEL: Kubernetes authorizer library". */
function addAuthorizer(environment: Environment): void {
  const [authorizer, check, decision] = ['kubernetes.Authorizer', 'kubernetes.Check', 'kubernetes.Decision'];
  environment
    .registerType(authorizer, { ctor: Authorizer, fields: { requestResource: check } })
    .registerType(check, { ctor: Check, fields: {} })
    .registerType(decision, { ctor: Decision, fields: {} })
    .registerFunction(`${authorizer}.path(string): ${check}`, (on: Authorizer, path: string) => new Check(on, { path }))
    .registerFunction(
      `${authorizer}.group(string): ${check}`,
      (on: Authorizer, group: string) => new Check(on, { group }),
    )
    .registerFunction(`${authorizer}.serviceAccount(string, string): ${authorizer}`, serviceAccount)
    .registerFunction(`${check}.resource(string): ${check}`, (on: Check, resource: string) => on.with({ resource }))
    .registerFunction(`${check}.subresource(string): ${check}`, (on: Check, subresource: string) =>
      on.with({ subresource }),
    )
    .registerFunction(`${check}.namespace(string): ${check}`, (on: Check, namespace: string) => on.with({ namespace }))
    .registerFunction(`${check}.name(string): ${check}`, (on: Check, name: string) => on.with({ name }))
    .registerFunction(`${check}.check(string): ${decision}`, (on: Check, verb: string) => on.decide(verb))
    .registerFunction(`${decision}.allowed(): bool`, (on: Decision) => on.allowed)
    .registerFunction(`${decision}.reason(): string`, () => '')
    .registerFunction(`${decision}.errored(): bool`, () => false)
    .registerFunction(`${decision}.error(): string`, () => '');
}

function serviceAccount({ attributes, mayDo }: Authorizer, namespace: string, name: string): Authorizer {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  return new Authorizer(attributes, mayDo, { name: `system:serviceaccount:${namespace}:${name}`, groups });
}
