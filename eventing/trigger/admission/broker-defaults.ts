/**
 * Defaults of a Broker from config-br-defaults: class, config and delivery.
 * Source: knative/eventing pkg/apis/config (behaviour; reference section 7).
 */
import { parse } from 'yaml';
import type { DeliverySpec, KReference } from '../../../api/eventing/destination.ts';
import { EVENTING_NAMESPACE } from '../../../api/zeroth.ts';
import type { AdmissionContext } from '../../../kube/admission.ts';

/** What a Broker of one class gets. */
export interface BrokerConfig extends Partial<KReference> {
  readonly delivery?: DeliverySpec;
}

interface Scope extends BrokerConfig {
  readonly brokerClass?: string;
  readonly brokerClasses?: Readonly<Record<string, BrokerConfig>>;
  readonly disallowDifferentNamespaceConfig?: boolean;
}

interface Defaults {
  readonly clusterDefault?: Scope;
  readonly namespaceDefaults?: Readonly<Record<string, Scope>>;
}

export const DEFAULT_CLASS = 'MTChannelBasedBroker';

/** `{}` when the ConfigMap is absent or cannot be read. */
export function brokerDefaults(context: AdmissionContext): Defaults {
  const text = context.config(EVENTING_NAMESPACE, 'config-br-defaults')['default-br-config'];
  if (text === undefined) return {};
  try {
    const value: unknown = parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The class of a Broker that names none. */
export function defaultClass(defaults: Defaults, namespace: string): string {
  return defaults.namespaceDefaults?.[namespace]?.brokerClass ?? defaults.clusterDefault?.brokerClass ?? DEFAULT_CLASS;
}

/**
 * What a Broker of this class gets in this namespace: the namespace's entry for the class, the namespace's own when the
 * class is its default, then the cluster's in the same order, and the cluster's own for any other class.
 */
export function configOf(defaults: Defaults, namespace: string, brokerClass: string): BrokerConfig | undefined {
  const scoped = defaults.namespaceDefaults?.[namespace];
  return (
    scoped?.brokerClasses?.[brokerClass] ??
    (scoped?.brokerClass === brokerClass && scoped.kind !== undefined ? configIn(scoped) : undefined) ??
    defaults.clusterDefault?.brokerClasses?.[brokerClass] ??
    (defaults.clusterDefault === undefined ? undefined : configIn(defaults.clusterDefault))
  );
}

/** Whether a Broker may take its config from another namespace. */
export function allowsOtherNamespace(defaults: Defaults, namespace: string): boolean {
  return (
    defaults.namespaceDefaults?.[namespace]?.disallowDifferentNamespaceConfig !== true &&
    defaults.clusterDefault?.disallowDifferentNamespaceConfig !== true
  );
}

function configIn({
  brokerClass: _c,
  brokerClasses: _m,
  disallowDifferentNamespaceConfig: _d,
  ...config
}: Scope): BrokerConfig {
  return config;
}
