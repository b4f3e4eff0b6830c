/** What a part of the system asks its webhooks for: which, under which names, from which Service. */
import { apiVersionOf, resourceKey } from '../../api/resource.ts';
import type { Admission } from '../admission.ts';

export type WebhookRole = 'defaulting' | 'validation' | 'config';

export interface WebhookComponent {
  /** `serving` or `eventing`. */
  readonly name: string;
  readonly namespace: string;
  /** Name of the Service in front of the webhook, and so of what its certificate is for. */
  readonly service: string;
  /** Name of the Secret with the certificate. */
  readonly secret: string;
  /** Name of a configuration, and of the one webhook in it that is ours. */
  readonly hooks: Readonly<Record<WebhookRole, string>>;
  readonly admissions: readonly Admission[];
}

/** Where a role is served. The same for every component, as the kinds tell them apart. */
export const PATHS: Readonly<Record<WebhookRole, string>> = {
  defaulting: '/defaulting',
  validation: '/resource-validation',
  config: '/config-validation',
};

export const ROLES: readonly WebhookRole[] = ['defaulting', 'validation', 'config'];

const CONFIG_MAPS = '/configmaps';

/** ConfigMaps are checked by a webhook of their own, so that a mistake in it cannot block the kinds of the component. */
export function admissionsFor(component: WebhookComponent, role: WebhookRole): readonly Admission[] {
  return component.admissions.filter((admission) => {
    const isConfig = resourceKey(admission.type) === CONFIG_MAPS;
    if (role === 'config') return isConfig;
    if (isConfig) return false;
    return role === 'defaulting'
      ? admission.default !== undefined
      : admission.validate !== undefined || admission.question !== undefined;
  });
}

export interface AdmittedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The admissions of a kind in a role, over all components. */
export function admissionsOfKind(
  components: readonly WebhookComponent[],
  role: WebhookRole,
  { group, version, kind }: AdmittedKind,
): { readonly hook: string; readonly admissions: readonly Admission[] } | undefined {
  const apiVersion = group === '' ? version : `${group}/${version}`;
  for (const component of components) {
    const admissions = admissionsFor(component, role).filter(
      ({ type }) => type.kind === kind && apiVersionOf(type) === apiVersion,
    );
    if (admissions.length > 0) return { hook: component.hooks[role], admissions };
  }
  return undefined;
}
