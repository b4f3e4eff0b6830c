/**
 * One wildcard Certificate a domain in each namespace that config-network selects for it, so that its Routes need none of
 * their own. Source: knative/serving pkg/reconciler/nscert (behaviour).
 */
import { Namespace } from '../../../api/core.ts';
import { Certificate } from '../../../api/networking/certificate.ts';
import { apiVersionOf, type ResourceType } from '../../../api/resource.ts';
import { isControlledBy, type Outcome, type Reconciler, type World } from '../../../kube/reconciler.ts';
import { selects } from '../../../kube/label-selector.ts';
import type { ConfigStore } from '../config/store.ts';
import type { Template } from '../config/template.ts';
import { ReconcileError } from '../errors.ts';
import { CERTIFICATE_CLASS, firstOf } from '../keys.ts';
import { WILDCARD_DOMAIN_LABEL } from './certificate.ts';
import { messageOf } from '../../../kube/message.ts';

export function namespaceCertificates(config: ConfigStore): Reconciler<Namespace> {
  return {
    name: 'nscert-controller',
    kind: Namespace,
    owns: [Certificate as unknown as ResourceType],
    watches: [],
    configs: ['config-network', 'config-domain'],
    async reconcile(namespace, world): Promise<Outcome<never> | void> {
      const { namespaceWildcardCertSelector, domainTemplate, certificateClass } = config.network;
      const existing = world
        .informer(Certificate)
        .list(namespace.metadata.name)
        .filter(({ metadata }) => metadata.labels?.[WILDCARD_DOMAIN_LABEL] !== undefined);
      const wanted = selects(namespaceWildcardCertSelector, namespace.metadata.labels)
        ? config.domain.domains.filter(({ wildcard }) => wildcard).map(({ domain }) => domain)
        : [];
      for (const domain of wanted) {
        const dnsName = wildcardName(domainTemplate, domain, namespace.metadata.name);
        await ensureWildcard(namespace, dnsName, domain, certificateClass, existing, world);
      }
      await deleteOthers(namespace, existing, wanted, world);
    },
  };
}

/** @throws ReconcileError where the template does not put the Service's name in a label of its own, in front */
export function wildcardName(template: Template, domain: string, namespace: string): string {
  let name: string;
  try {
    name = template.render({ Name: '*', Namespace: namespace, Domain: domain, Annotations: {}, Labels: {} });
    if (!/^\*\..+$/.test(name)) throw new Error(`invalid DomainTemplate: ${name}`);
  } catch (error) {
    throw new ReconcileError(
      `failed to apply domain template ${template.source} to domain ${domain} and namespace ${namespace}`,
      error,
    );
  }
  return name;
}

async function ensureWildcard(
  namespace: Namespace,
  dnsName: string,
  domain: string,
  defaultClass: string,
  existing: readonly Certificate[],
  world: World,
): Promise<void> {
  if (existing.some(({ spec }) => spec.dnsNames.includes(dnsName))) return;
  const own = existing.find(
    (one) => isControlledBy(one, namespace) && one.metadata.labels?.[WILDCARD_DOMAIN_LABEL] === domain,
  );
  const desired = makeWildcard(namespace, dnsName, domain, defaultClass);
  if (own === undefined) return create(namespace, desired, world);
  const key = `${own.metadata.namespace ?? ''}/${own.metadata.name}`;
  try {
    await world.client.update(Certificate, { ...own, spec: desired.spec });
  } catch (error) {
    world.event(own, 'Warning', 'UpdateFailed', `Failed to update Knative Certificate ${key}: ${messageOf(error)}`);
    throw new ReconcileError('failed to update namespace certificate', error);
  }
  world.event(own, 'Normal', 'Updated', `Updated Spec for Knative Certificate ${key}`);
}

async function create(namespace: Namespace, desired: Certificate, world: World): Promise<void> {
  const key = `${namespace.metadata.name}/${desired.metadata.name}`;
  try {
    const made = await world.client.create(Certificate, desired);
    world.event(made, 'Normal', 'Created', `Created Knative Certificate ${key}`);
  } catch (error) {
    const message = `Failed to create Knative certificate ${key}: ${messageOf(error)}`;
    world.event(namespace, 'Warning', 'CreationFailed', message);
    throw new ReconcileError('failed to create namespace certificate', error);
  }
}

function makeWildcard(namespace: Namespace, dnsName: string, domain: string, defaultClass: string): Certificate {
  const name = dnsName.slice(dnsName.indexOf('.') + 1);
  return {
    apiVersion: apiVersionOf(Certificate),
    kind: Certificate.kind,
    metadata: {
      name,
      namespace: namespace.metadata.name,
      labels: { [WILDCARD_DOMAIN_LABEL]: domain },
      annotations: {
        [CERTIFICATE_CLASS[0]]: firstOf(namespace.metadata.annotations, CERTIFICATE_CLASS) ?? defaultClass,
      },
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Namespace',
          name: namespace.metadata.name,
          uid: namespace.metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: { dnsNames: [dnsName], secretName: name },
  };
}

async function deleteOthers(
  namespace: Namespace,
  existing: readonly Certificate[],
  domains: readonly string[],
  world: World,
): Promise<void> {
  for (const certificate of existing) {
    if (!isControlledBy(certificate, namespace)) continue;
    const { name, labels } = certificate.metadata;
    if (domains.includes(labels?.[WILDCARD_DOMAIN_LABEL] ?? '')) continue;
    const key = `${namespace.metadata.name}/${name}`;
    try {
      await world.client.delete(Certificate, namespace.metadata.name, name);
    } catch (error) {
      world.event(
        certificate,
        'Normal',
        'DeleteFailed',
        `Failed to delete Knative Certificate ${key}: ${messageOf(error)}`,
      );
      throw error;
    }
    world.event(certificate, 'Normal', 'Deleted', `Deleted Knative Certificate ${key}`);
  }
}
