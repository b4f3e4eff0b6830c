/** One webhook of a configuration, read once from its stored object. Source: Kubernetes admissionregistration.k8s.io/v1. */
import type { KubeObject } from '../../../api/object.ts';
import { isObject, type JsonObject } from '../json.ts';

export type HookType = 'mutating' | 'validating';
export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface HookRule {
  readonly operations: readonly string[];
  readonly groups: readonly string[];
  readonly versions: readonly string[];
  readonly resources: readonly string[];
  /** `*`, `Cluster` or `Namespaced`. */
  readonly scope: string;
  /** Of the objects it is about; empty for all. Webhooks have none. */
  readonly names: readonly string[];
}

export interface HookService {
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly port: number;
}

/** What requests somebody is concerned with. */
export interface Concern {
  readonly rules: readonly HookRule[];
  /** `matchPolicy: Exact`: rules are about the version of the request alone. */
  readonly exact: boolean;
  readonly namespaceSelector: JsonObject;
  readonly objectSelector: JsonObject;
}

export interface Hook extends Concern {
  readonly type: HookType;
  readonly configuration: string;
  readonly name: string;
  /** Of its own among all webhooks, the same from one version of its configuration to the next. */
  readonly id: string;
  /** `failurePolicy: Ignore`: a webhook that cannot be called is passed over. */
  readonly failsOpen: boolean;
  /** May it be called for a dry run? */
  readonly allowsDryRun: boolean;
  readonly timeoutSeconds: number;
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
  /** The first version of AdmissionReview it takes that is known here. */
  readonly reviewVersion: 'v1' | 'v1beta1' | undefined;
  readonly target: { readonly url: string } | { readonly service: HookService };
  /** PEM; undefined for the system's roots. */
  readonly caBundle: string | undefined;
  /** `reinvocationPolicy: IfNeeded`. */
  readonly reinvocable: boolean;
}

/** Webhooks of a stored configuration, in its order. It has passed validation and carries its defaults. */
export function hooksOf(type: HookType, configuration: KubeObject & { webhooks?: unknown }): Hook[] {
  const seen = new Map<string, number>();
  return objects(configuration.webhooks).map((webhook) => {
    const name = text(webhook.name);
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return {
      type,
      configuration: configuration.metadata.name,
      name,
      id: `${configuration.metadata.name}/${name}/${count}`,
      ...concernOf(webhook, webhook.rules),
      failsOpen: webhook.failurePolicy === 'Ignore',
      allowsDryRun: webhook.sideEffects === 'None' || webhook.sideEffects === 'NoneOnDryRun',
      timeoutSeconds: typeof webhook.timeoutSeconds === 'number' ? webhook.timeoutSeconds : 10,
      matchConditions: objects(webhook.matchConditions).map((one) => ({
        name: text(one.name),
        expression: text(one.expression),
      })),
      reviewVersion: texts(webhook.admissionReviewVersions).find((one) => one === 'v1' || one === 'v1beta1'),
      ...clientOf(isObject(webhook.clientConfig) ? webhook.clientConfig : {}),
      reinvocable: webhook.reinvocationPolicy === 'IfNeeded',
    };
  });
}

/** @param fields with `matchPolicy` and selectors */
export function concernOf(fields: JsonObject, rules: unknown): Concern {
  return {
    rules: rulesIn(rules),
    exact: fields.matchPolicy === 'Exact',
    namespaceSelector: isObject(fields.namespaceSelector) ? fields.namespaceSelector : {},
    objectSelector: isObject(fields.objectSelector) ? fields.objectSelector : {},
  };
}

export function rulesIn(rules: unknown): HookRule[] {
  return objects(rules).map((rule) => ({
    operations: texts(rule.operations),
    groups: texts(rule.apiGroups),
    versions: texts(rule.apiVersions),
    resources: texts(rule.resources),
    scope: text(rule.scope) || '*',
    names: texts(rule.resourceNames),
  }));
}

function clientOf(config: JsonObject): Pick<Hook, 'target' | 'caBundle'> {
  const bundle = text(config.caBundle);
  const caBundle = bundle === '' ? undefined : Buffer.from(bundle, 'base64').toString('utf8');
  if (!isObject(config.service)) return { target: { url: text(config.url) }, caBundle };
  const { service } = config;
  return {
    target: {
      service: {
        namespace: text(service.namespace),
        name: text(service.name),
        path: text(service.path),
        port: typeof service.port === 'number' ? service.port : 443,
      },
    },
    caBundle,
  };
}

export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
