/** What a webhook configuration must say for the API server to find us and trust us. Pure. */
import type { KubeObject } from '../../api/object.ts';
import { resourceType } from '../../api/resource.ts';
import { admissionsFor, PATHS, type WebhookComponent, type WebhookRole } from './component.ts';

const GROUP = 'admissionregistration.k8s.io/v1';

interface Requirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly Requirement[];
}

export interface Webhook {
  readonly name: string;
  readonly clientConfig: {
    readonly caBundle?: string;
    readonly url?: string;
    readonly service?: { readonly name: string; readonly namespace: string; readonly path?: string };
  };
  readonly rules?: readonly object[];
  readonly namespaceSelector?: Selector;
  readonly reinvocationPolicy?: string;
}

export interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly Webhook[];
}

export const MutatingWebhookConfiguration = resourceType<WebhookConfiguration>(
  GROUP,
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
  false,
);
export const ValidatingWebhookConfiguration = resourceType<WebhookConfiguration>(
  GROUP,
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  false,
);

export function configurationType(role: WebhookRole) {
  return role === 'defaulting' ? MutatingWebhookConfiguration : ValidatingWebhookConfiguration;
}

/** Namespaces with this label are left alone, as Knative does. */
const EXCLUDED: Requirement = { key: 'webhooks.knative.dev/exclude', operator: 'DoesNotExist' };

/**
 * The configuration with our webhook as it must be; other webhooks in it are not ours.
 * @param caBundle PEM
 */
export function completed(
  configuration: WebhookConfiguration,
  component: WebhookComponent,
  role: WebhookRole,
  caBundle: string,
): WebhookConfiguration {
  const name = component.hooks[role];
  const webhooks = (configuration.webhooks ?? []).map((webhook) => {
    const { service } = webhook.clientConfig;
    if (webhook.name !== name) return webhook;
    const bundle = Buffer.from(caBundle).toString('base64');
    return {
      ...webhook,
      clientConfig: {
        ...webhook.clientConfig,
        // An address outside of the cluster is whoever's put it there.
        ...(service === undefined ? {} : { service: { ...service, path: PATHS[role] } }),
        caBundle: bundle,
      },
      rules: rulesOf(component, role),
      ...(role === 'config' ? {} : { namespaceSelector: withExclusion(webhook.namespaceSelector) }),
      ...(role === 'defaulting' ? { reinvocationPolicy: 'IfNeeded' } : {}),
    };
  });
  return { ...configuration, webhooks };
}

/** PEM of what the API server trusts of our webhook by this configuration; '' when it is not in there. */
export function bundleIn(configuration: WebhookConfiguration, hook: string): string {
  const webhook = configuration.webhooks?.find(({ name }) => name === hook);
  return Buffer.from(webhook?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
}

interface Rule {
  readonly operations: readonly string[];
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  readonly scope: string;
}

/** Statuses are the controllers' own and deletions nobody's to forbid: only what is judged is sent. */
function rulesOf(component: WebhookComponent, role: WebhookRole): Rule[] {
  const rule = (group: string, version: string, resource: string, scope: string): Rule => ({
    operations: ['CREATE', 'UPDATE'],
    apiGroups: [group],
    apiVersions: [version],
    resources: [resource],
    scope,
  });
  if (role === 'config') return [rule('', 'v1', 'configmaps/*', 'Namespaced')];
  return admissionsFor(component, role)
    .map(({ type: { group, version, plural } }) => ({ key: `${group}/${version}/${plural}`, group, version, plural }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ group, version, plural }) => rule(group, version, plural, '*'));
}

function withExclusion(selector: Selector = {}): Selector {
  const expressions = selector.matchExpressions ?? [];
  if (expressions.some(({ key }) => key === EXCLUDED.key)) return selector;
  return { ...selector, matchExpressions: [...expressions, EXCLUDED] };
}
