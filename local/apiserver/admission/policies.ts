/**
 * ValidatingAdmissionPolicies in force: which concern a request, and what they say of it. CEL over what is to be
 * stored; nobody outside is asked.
 */
import type { KubeObject } from '../../../api/object.ts';
import { ApiError } from '../../../kube/errors.ts';
import { fromStorage } from '../conversions.ts';
import { forbidden } from '../errors.ts';
import { isObject } from '../json.ts';
import { mayDo, type AccessRequest } from '../rbac.ts';
import { storageOf, type Registry } from '../registry.ts';
import type { CelProgram } from '../schema/cel.ts';
import type { Store } from '../store/store.ts';
import type { User } from '../user.ts';
import { matchesSelector } from '../verbs/label-selector.ts';
import type { Attributes } from './attributes.ts';
import { admissionCel, plainValue, type AdmissionCel } from './cel.ts';
import { isEquivalent } from './hooks.ts';
import { reasonOf, type MatchConditions } from './match-conditions.ts';
import { bindingOf, policyOf, type Binding, type Policy, type PolicyConcern } from './policy.ts';
import { isExempt, ruledKind, type RequestKind } from './rules.ts';
import { isSelected } from './selectors.ts';

const GROUP = 'admissionregistration.k8s.io';
const POLICIES = `${GROUP}/validatingadmissionpolicies`;
const BINDINGS = `${GROUP}/validatingadmissionpolicybindings`;
const LONGEST_MESSAGE = 5 * 1024;

const CODES: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 };

/** Something that speaks against the request. */
interface Objection {
  readonly policy: Policy;
  readonly binding: Binding | undefined;
  readonly message: string;
  readonly reason: string;
}

export class Policies {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #conditions: MatchConditions;
  #all: readonly Policy[] = [];
  readonly #programs = new Map<string, CelProgram | Error>();

  constructor(store: Store, registry: Registry, conditions: MatchConditions) {
    this.#store = store;
    this.#registry = registry;
    this.#conditions = conditions;
  }

  /** Takes the policies over and follows their changes. @returns the end of it */
  follow(): () => void {
    const read = (): void => {
      const bindings = [...this.#store.entries(BINDINGS)].map(([, object]) => bindingOf(object));
      const policies = [...this.#store.entries(POLICIES)].map(([, object]) => policyOf(object, bindings));
      // A policy says nothing until it is bound.
      this.#all = policies.filter((policy) => policy.bindings.length > 0);
      this.#programs.clear();
    };
    read();
    const stops = [POLICIES, BINDINGS].map((resource) => this.#store.subscribe(resource, read));
    return () => {
      for (const stop of stops) stop();
    };
  }

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** Policies whose rules match a kind. */
  matching(request: RequestKind): readonly Policy[] {
    if (this.#all.length === 0 || isExempt(request.info)) return [];
    return this.#all.filter(({ concern }) => this.#rules(concern, request));
  }

  /** @throws ApiError of the first objection that denies */
  async check(policies: readonly Policy[], attributes: Attributes, warnings: string[]): Promise<void> {
    const cel = await admissionCel();
    const denied: Objection[] = [];
    for (const policy of policies) {
      if (!this.#concerns(policy.concern, attributes)) continue;
      const unknown = this.#unknownParam(policy);
      if (unknown !== undefined) {
        const message = `failed to configure policy: failed to find resource referenced by paramKind: '${unknown}'`;
        if (!policy.failsOpen) denied.push({ policy, binding: undefined, message, reason: '' });
        continue;
      }
      for (const binding of policy.bindings) {
        if (!this.#concerns(binding.concern, attributes)) continue;
        const { objections, failure } = await this.#judge(cel, policy, binding, attributes);
        // What cannot be judged counts by the failure policy, whatever the binding would do.
        if (failure !== undefined && !policy.failsOpen) denied.push(failure);
        for (const objection of objections) {
          if (binding.actions.includes('Warn'))
            warnings.push(
              `Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}': ${objection.message}`,
            );
          if (binding.actions.includes('Deny')) denied.push(objection);
        }
      }
    }
    const [first] = denied;
    if (first !== undefined) throw denial(first, attributes);
  }

  #concerns(concern: PolicyConcern, attributes: Attributes): boolean {
    const { info, operation, subresource, name, object } = attributes;
    if (!isSelected(this.#store, concern, attributes, object)) return false;
    return this.#rules(concern, { info, operation, subresource, name });
  }

  #rules(concern: PolicyConcern, request: RequestKind): boolean {
    const { info, name } = request;
    const equivalents = this.#registry.all().filter((other) => other !== info && isEquivalent(other, info));
    const { exact } = concern;
    // Of a kind alone nothing can be said about exceptions for single objects.
    const excluded = concern.excluded.filter(({ names }) => name !== undefined || names.length === 0);
    if (ruledKind({ rules: excluded, exact }, request, equivalents) !== undefined) return false;
    return concern.rules.length === 0 || ruledKind(concern, request, equivalents) !== undefined;
  }

  async #judge(
    cel: AdmissionCel,
    policy: Policy,
    binding: Binding,
    attributes: Attributes,
  ): Promise<{ objections: Objection[]; failure?: Objection }> {
    const objections: Objection[] = [];
    const found = this.#params(policy, binding, attributes);
    if ('problem' in found) {
      const message = `failed to configure binding: ${found.problem}`;
      return { objections, failure: { policy, binding, message, reason: '' } };
    }
    for (const param of found.params) {
      const variables = this.#variables(cel, policy, attributes, param);
      const outcome = await this.#conditions.evaluate(policy, attributes, attributes.object, variables);
      if (outcome.type === 'skip') continue;
      if (outcome.type === 'failed') {
        if (!policy.failsOpen) objections.push({ policy, binding, message: outcome.message, reason: '' });
        continue;
      }
      for (const validation of policy.validations) {
        const { expression, reason } = validation;
        let isValid: unknown;
        try {
          isValid = this.#program(cel, expression)(variables);
        } catch (error) {
          const message = `expression '${expression.trim()}' resulted in error: ${reasonOf(error)}`;
          if (!policy.failsOpen) objections.push({ policy, binding, message, reason: '' });
          continue;
        }
        if (isValid === true) continue;
        const said = this.#message(cel, validation.messageExpression, variables);
        const message = said || validation.message.trim() || `failed expression: ${expression.trim()}`;
        objections.push({ policy, binding, message, reason });
      }
    }
    return { objections };
  }

  /** A message that is none, several lines or too long gives way to the plain one. */
  #message(cel: AdmissionCel, expression: string, variables: Readonly<Record<string, unknown>>): string {
    if (expression === '') return '';
    try {
      const text = this.#program(cel, expression)(variables);
      if (typeof text !== 'string' || text.trim().includes('\n') || text.length > LONGEST_MESSAGE) return '';
      return text.trim();
    } catch {
      return '';
    }
  }

  #variables(
    cel: AdmissionCel,
    { variables }: Policy,
    attributes: Attributes,
    param: KubeObject | undefined,
  ): Readonly<Record<string, unknown>> {
    const { info, namespace = '', object } = attributes;
    const mayUser = (user: User, request: AccessRequest) => mayDo(this.#store, user, request).allowed;
    const isOwn = info.group === '' && info.plural === 'namespaces';
    const around = namespace === '' || isOwn ? undefined : this.#store.peek('/namespaces', `/${namespace}`);
    const defined: Record<string, unknown> = {};
    const all: Record<string, unknown> = {
      ...cel.variables(attributes, object, mayUser),
      namespaceObject: plainValue(around),
      params: plainValue(param),
      variables: defined,
    };
    for (const { name, expression } of variables) {
      let known: { readonly value: unknown } | undefined;
      // Worked out when first asked for: most are for some requests only.
      const get = (): unknown => (known ??= { value: this.#program(cel, expression)(all) }).value;
      Object.defineProperty(defined, name, { enumerable: true, get });
    }
    return all;
  }

  #params(
    { paramKind }: Policy,
    { param }: Binding,
    { namespace }: Attributes,
  ): { readonly params: readonly (KubeObject | undefined)[] } | { readonly problem: string } {
    if (paramKind === undefined || param === undefined) return { params: [undefined] };
    const info = this.#kindOf(paramKind);
    if (info === undefined) return { params: [undefined] };
    if (!info.namespaced && param.namespace !== '')
      return { problem: 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`' };
    const where = info.namespaced ? param.namespace || (namespace ?? '') : '';
    if (info.namespaced && where === '')
      return { problem: 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources' };
    const stored =
      param.name !== ''
        ? [this.#store.peek(storageOf(info), `${where}/${param.name}`)]
        : [...this.#store.entries(storageOf(info), `${where}/`)].map(([, one]) => one);
    const params = stored
      .filter((one) => one !== undefined)
      .filter((one) => param.name !== '' || matchesSelector(param.selector, one))
      .map((one) => fromStorage(info, one));
    if (params.length === 0 && param.isRequired)
      return { problem: 'no params found for policy binding with `Deny` parameterNotFoundAction' };
    return { params };
  }

  #kindOf({ apiVersion, kind }: NonNullable<Policy['paramKind']>) {
    const slash = apiVersion.indexOf('/');
    const group = slash < 0 ? '' : apiVersion.slice(0, slash);
    return this.#registry.kind(group, apiVersion.slice(slash + 1), kind);
  }

  #unknownParam({ paramKind }: Policy): string | undefined {
    if (paramKind === undefined || this.#kindOf(paramKind) !== undefined) return undefined;
    return `${paramKind.apiVersion}, Kind=${paramKind.kind}`;
  }

  #program(cel: AdmissionCel, expression: string): CelProgram {
    let program = this.#programs.get(expression);
    if (program === undefined) {
      try {
        program = cel.compile(expression);
      } catch (error) {
        program = new Error(`compilation failed: ${reasonOf(error)}`);
      }
      this.#programs.set(expression, program);
    }
    if (program instanceof Error) throw program;
    return program;
  }
}

function denial({ policy, binding, message, reason }: Objection, { info, name }: Attributes): ApiError {
  const by = binding === undefined ? '' : ` with binding '${binding.name}'`;
  const text = `ValidatingAdmissionPolicy '${policy.name}'${by} denied request: ${message}`;
  const { status } = forbidden(info, name, text);
  const details = isObject(status.details) ? status.details : {};
  return new ApiError({
    ...status,
    reason: reason === '' ? 'Invalid' : reason,
    code: CODES[reason] ?? 422,
    details: { ...details, causes: [{ message: text }] },
  });
}
