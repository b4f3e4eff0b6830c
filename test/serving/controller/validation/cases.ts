/**
 * Manifests of the case files as an API server answers them: the embedded one with Serving's CRDs and admissions. A
 * case is a sound manifest of its kind with changes, created and, with `then`, changed once more after that.
 *
 * Short forms in paths: `$S` is the pod's spec, `$C` its first container, `$A.x` the template's annotation
 * autoscaling.knative.dev/x (the object's own on a Revision, PodAutoscaler and Metric). In texts, <name> stands for one
 * of Kubernetes' long explanations.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { installManifests } from '../../../../cli/install.ts';
import { Client } from '../../../../kube/client.ts';
import { asStatus } from '../../../../kube/errors.ts';
import { silentLogger } from '../../../../kube/log.ts';
import type { ApiResponse } from '../../../../kube/transport.ts';
import { ApiServer } from '../../../../local/apiserver/main.ts';
import { servingAdmissions } from '../../../../serving/controller/admission.ts';
import { put, type Manifest } from '../admit.ts';
import { SOUND } from '../sound.ts';

type Changes = Readonly<Record<string, unknown>>;

export interface Case {
  readonly name: string;
  /** Service when left out. */
  readonly kind?: string;
  readonly set?: Changes;
  /** Changes made to what was stored, by another user. */
  readonly then?: Changes;
  /** Data of ConfigMaps by name. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** A feature flag, or several, to enable. */
  readonly feature?: string | readonly string[];
  /** Refused: what the webhook says after "validation failed: ". */
  readonly says?: string;
  /** Refused: what the schema says after the name of the object. */
  readonly schema?: string;
  /** Accepted: what stands at some paths of the stored object; null for nothing. */
  readonly gives?: Changes;
}

export interface Answer {
  readonly refused: string | undefined;
  readonly object: Manifest;
  readonly warnings: readonly string[];
}

const SYSTEM = '/api/v1/namespaces/knative-serving/configmaps';
const DENIED =
  /^admission webhook "(validation|config)\.webhook\.serving\.knative\.dev" denied the request: validation failed: /;

const DNS_1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const WORDS: Readonly<Record<string, string>> = {
  '<dns-1035>':
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  '<dns-1123-label>': `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${DNS_1123}')`,
  '<dns-1123-subdomain>': `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${DNS_1123}(\\.${DNS_1123})*')`,
  '<label-key>':
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  '<c-identifier>':
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
};

const FOLDER = 'test/serving/controller/validation/cases';

/** Cases by theme. */
export async function casesOf(kind: 'accepted' | 'refused'): Promise<Map<string, Case[]>> {
  const files = (await readdir(FOLDER)).filter((file) => file.startsWith(`${kind}-`)).sort();
  const themes = files.map(async (file) => {
    const cases = parse(await readFile(join(FOLDER, file), 'utf8')) as Case[];
    return [file.slice(kind.length + 1, -'.yaml'.length), cases] as const;
  });
  return new Map(await Promise.all(themes));
}

export function inFull(text: string): string {
  return text.replaceAll(/<[-a-z0-9]+>/g, (word) => WORDS[word] ?? word);
}

export function manifestOf({ kind = 'Service', set = {} }: Case): Manifest {
  return put(SOUND[kind] ?? {}, pathsOf(kind, set));
}

function pathsOf(kind: string, changes: Changes): Changes {
  const templated = kind === 'Service' || kind === 'Configuration';
  const pod = templated ? 'spec.template.spec' : 'spec';
  const annotations = templated ? 'spec.template.metadata.annotations' : 'metadata.annotations';
  return Object.fromEntries(
    Object.entries(changes).map(([path, value]) => [
      path
        .replace(/^\$A\.(.+)$/, (_, name: string) => `${annotations}."autoscaling.knative.dev/${name}"`)
        .replace(/^\$C/, `${pod}.containers[0]`)
        .replace(/^\$S/, pod),
      value ?? undefined,
    ]),
  );
}

/** An API server that answers cases one after the other. */
export class Answers {
  readonly #dir: string;
  readonly #api: ApiServer;
  #config = '';

  private constructor(dir: string, api: ApiServer) {
    this.#dir = dir;
    this.#api = api;
  }

  static async open(): Promise<Answers> {
    const dir = await mkdtemp(join(tmpdir(), 'zeroth-cases-'));
    const api = await ApiServer.open({ dir, admissions: [...servingAdmissions], log: silentLogger });
    await installManifests(new Client(api.transport), 'localhost');
    return new Answers(dir, api);
  }

  async close(): Promise<void> {
    await this.#api.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async answer(given: Case): Promise<Answer> {
    const { kind = 'Service' } = given;
    await this.#configure(given);
    const manifest = manifestOf(given);
    const path = collectionOf(manifest);
    const query = { fieldValidation: 'Strict' };
    const made = await this.#api.transport.request({ method: 'POST', path, query, body: manifest });
    if (made.status >= 400) return answerOf(made);
    const stored = made.body as Manifest;
    const at = `${path}/${(stored['metadata'] as { name: string }).name}`;
    const changed =
      given.then === undefined
        ? made
        : await this.#api.transport.request({ method: 'PUT', path: at, body: put(stored, pathsOf(kind, given.then)) });
    await this.#api.transport.request({ method: 'DELETE', path: at });
    return answerOf(changed);
  }

  /** Creates whatever it is, as a dry run. */
  async send(manifest: Manifest): Promise<{ status: number; message: string }> {
    const path = collectionOf(SOUND[String(manifest['kind'])] ?? {});
    const query = { dryRun: 'All' };
    const { status, body } = await this.#api.transport.request({ method: 'POST', path, query, body: manifest });
    return { status, message: status < 400 ? '' : (asStatus(status, body).message ?? '') };
  }

  /** Puts ConfigMaps as the case has them; each is checked itself as it is written. */
  async #configure({ config = {}, feature = [] }: Case): Promise<void> {
    const enabled = Object.fromEntries([feature].flat().map((flag) => [flag, 'enabled']));
    const wanted = {
      'config-defaults': config['config-defaults'] ?? {},
      'config-autoscaler': config['config-autoscaler'] ?? {},
      'config-features': { ...config['config-features'], ...enabled },
    };
    if (JSON.stringify(wanted) === this.#config) return;
    this.#config = JSON.stringify(wanted);
    for (const [name, data] of Object.entries(wanted)) {
      const { refused } = await this.write(name, data);
      if (refused !== undefined) throw new Error(refused);
    }
  }

  /** Replaces the data of one of Serving's ConfigMaps. */
  async write(name: string, data: Readonly<Record<string, string>>): Promise<Answer> {
    const labels = { 'app.kubernetes.io/name': 'knative-serving' };
    const metadata = { name, namespace: 'knative-serving', labels };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    return answerOf(await this.#api.transport.request({ method: 'PUT', path: `${SYSTEM}/${name}`, body }));
  }
}

function answerOf({ status, body, warnings = [] }: ApiResponse): Answer {
  const object = body as Manifest;
  if (status < 400) return { refused: undefined, object, warnings };
  const { message = '' } = asStatus(status, body);
  const refused = message.replace(DENIED, '');
  return { refused, object, warnings };
}

function collectionOf(manifest: Manifest): string {
  const { kind, apiVersion } = manifest as { kind: string; apiVersion: string };
  const { namespace } = manifest['metadata'] as { namespace?: string };
  const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const plural = `${kind.toLowerCase()}s`.replace('ingresss', 'ingresses');
  return `/apis/${apiVersion}${scope}/${plural}`;
}

/** What stands at a path such as `spec.containers[0].image`. */
export function at(object: unknown, path: string): unknown {
  const steps = path.match(/"[^"]+"|[^.[\]]+/g)?.map((step) => step.replaceAll('"', '')) ?? [];
  return steps.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined,
    object,
  );
}

export function pathOf(kind: string, path: string): string {
  return Object.keys(pathsOf(kind, { [path]: true }))[0] ?? path;
}
