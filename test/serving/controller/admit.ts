/** Runs the serving admissions as an API server does: defaulting, then validation. */
import type { KubeObject } from '../../../api/object.ts';
import type { AdmissionContext, AdmissionVerdict } from '../../../kube/admission.ts';
import { servingAdmissions } from '../../../serving/controller/admission.ts';

export type Manifest = Record<string, unknown>;

export interface Request {
  readonly old?: Manifest;
  readonly username?: string;
  readonly subresource?: string;
  /** Data of ConfigMaps by name. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const NONE: Readonly<Record<string, string>> = {};

export function contextOf(request: Request): AdmissionContext {
  return {
    operation: request.old === undefined ? 'CREATE' : 'UPDATE',
    subresource: request.subresource,
    dryRun: false,
    username: request.username ?? 'ann',
    now: '2026-11-24T12:00:00Z',
    config: (_, name) => request.config?.[name] ?? NONE,
  };
}

export function admit(manifest: Manifest, request: Request = {}): { object: Manifest; verdict: AdmissionVerdict } {
  const context = contextOf(request);
  const old = request.old as unknown as KubeObject | undefined;
  const object = withDefaults(manifest, request) as unknown as KubeObject;
  for (const admission of admissionsOf(object)) {
    const verdict = admission.validate?.(object, old, context) ?? {};
    if (verdict.denied !== undefined || verdict.warnings !== undefined)
      return { object: object as unknown as Manifest, verdict };
  }
  return { object: object as unknown as Manifest, verdict: {} };
}

/** Defaulting alone: it comes before the schema has its say. */
export function withDefaults(manifest: Manifest, request: Request = {}): Manifest {
  const context = contextOf(request);
  const old = request.old as unknown as KubeObject | undefined;
  let object = manifest as unknown as KubeObject;
  for (const admission of admissionsOf(object)) object = admission.default?.(object, old, context) ?? object;
  return object as unknown as Manifest;
}

function admissionsOf(object: KubeObject) {
  return servingAdmissions.filter(({ type }) => type.kind === object.kind && matches(type, object));
}

function matches(type: { group: string; version: string }, object: KubeObject): boolean {
  return object.apiVersion === (type.group === '' ? type.version : `${type.group}/${type.version}`);
}

/** The manifest with values put at paths such as `spec.template.spec.containers[0].image`; undefined removes. */
export function put(manifest: Manifest, changes: Readonly<Record<string, unknown>>): Manifest {
  const copy = structuredClone(manifest);
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.match(/"[^"]+"|[^.[\]]+/g)?.map((step) => step.replaceAll('"', '')) ?? [];
    const last = steps.pop() ?? '';
    let at: Record<string, unknown> = copy;
    for (const step of steps) {
      at[step] ??= {};
      at = at[step] as Record<string, unknown>;
    }
    if (value === undefined) delete at[last];
    else at[last] = structuredClone(value);
  }
  return copy;
}

export const SERVICE: Manifest = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: { name: 'hello', namespace: 'default' },
  spec: { template: { spec: { containers: [{ image: 'hello' }] } } },
};

export const CONFIGURATION: Manifest = { ...SERVICE, kind: 'Configuration' };

export const ROUTE: Manifest = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Route',
  metadata: { name: 'hello', namespace: 'default' },
  spec: { traffic: [{ configurationName: 'hello', percent: 100 }] },
};

export const REVISION: Manifest = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Revision',
  metadata: { name: 'hello-00001', namespace: 'default' },
  spec: { containers: [{ image: 'hello' }] },
};

export const DOMAIN_MAPPING: Manifest = {
  apiVersion: 'serving.knative.dev/v1beta1',
  kind: 'DomainMapping',
  metadata: { name: 'shop.example.com', namespace: 'default' },
  spec: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'hello' } },
};

export const INGRESS: Manifest = {
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'Ingress',
  metadata: { name: 'hello', namespace: 'default' },
  spec: {
    rules: [
      {
        hosts: ['hello.default.example.com'],
        http: { paths: [{ splits: [{ serviceName: 'a', serviceNamespace: 'default', servicePort: 80 }] }] },
      },
    ],
  },
};
