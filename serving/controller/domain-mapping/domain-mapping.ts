/** Serves an addressable under a domain of the user's own, once the namespace has a claim to that domain. */
import { Service as KubeService } from '../../../api/core.ts';
import { Certificate, ClusterDomainClaim } from '../../../api/networking/certificate.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import type { KubeObject } from '../../../api/object.ts';
import { apiVersionOf } from '../../../api/resource.ts';
import { DOMAIN_MAPPING_CONDITIONS, DomainMapping } from '../../../api/serving/domain-mapping.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service } from '../../../api/serving/service.ts';
import { conditionOf, isReady, type Conditions } from '../../../kube/conditions.ts';
import { isAlreadyExists, isConflict } from '../../../kube/errors.ts';
import { childName } from '../../../kube/names.ts';
import type { ObjectKey, Outcome, Reconciler, World } from '../../../kube/reconciler.ts';
import { challengePath, challengesOf, ensureCertificate, wantsExternalTls } from '../certificate/certificate.ts';
import type { NetworkConfig } from '../config/network.ts';
import type { ConfigStore } from '../config/store.ts';
import { ensure, replaceSpec } from '../ensure.ts';
import { NotOwnedError, ReconcileError } from '../errors.ts';
import { DOMAIN_MAPPING_UID_LABEL } from '../keys.ts';
import { beginPass, concludePass, mirror } from '../observe.ts';
import { portFor, urlOf } from '../route/domains.ts';
import { notConfigured } from '../route/resources/ingress.ts';
import { makeMappingIngress, type MappingTls } from './resources/ingress.ts';
import { resolveTarget } from './target.ts';

const [DOMAIN_CLAIMED, REFERENCE_RESOLVED, INGRESS_READY, CERTIFICATE_PROVISIONED] = DOMAIN_MAPPING_CONDITIONS;
const BY_NAME = 'name';
const BY_REFERENCE = 'reference';

type Status = NonNullable<DomainMapping['status']>;

export function domainMappingReconciler(config: ConfigStore): Reconciler<DomainMapping> {
  return {
    name: 'domainmapping-controller',
    kind: DomainMapping,
    owns: [Ingress, Certificate],
    watches: [
      {
        // Whoever waits for a domain hears when its claim goes.
        type: ClusterDomainClaim,
        keys: ({ metadata }: ClusterDomainClaim, world) =>
          keysOf(
            world
              .informer(DomainMapping)
              .index(BY_NAME, (mapping) => [mapping.metadata.name])
              .byIndex(BY_NAME, metadata.name),
          ),
      },
      { type: Service, keys: mappingsOf },
      { type: KubeService, keys: mappingsOf },
      { type: Route, keys: mappingsOf },
    ],
    configs: ['config-network'],
    finalizer: {
      name: 'domainmappings.serving.knative.dev',
      async run(mapping, world) {
        if (config.network.autocreateClusterDomainClaims) await releaseClaim(mapping, world);
        return true;
      },
    },

    async reconcile(mapping, world): Promise<Outcome<Status>> {
      const conditions = beginPass(mapping, DOMAIN_MAPPING_CONDITIONS, world.clock);
      const waiting = notConfigured(mapping.metadata.annotations, config.network);
      if (mapping.metadata.generation !== mapping.status?.observedGeneration)
        conditions.markUnknown(INGRESS_READY, ...waiting);
      const status: Status = { ...mapping.status };
      return concludePass(mapping, status, conditions, () =>
        reconcileMapping(mapping, status, conditions, config.network, world),
      );
    },
  };
}

async function reconcileMapping(
  mapping: DomainMapping,
  status: Status,
  conditions: Conditions,
  network: NetworkConfig,
  world: World,
): Promise<number | undefined> {
  const setUrl = (scheme: string) => {
    status.url = urlOf(scheme, mapping.metadata.name, portFor('ExternalIP', network, scheme));
    status.address = { url: status.url };
  };
  setUrl(network.externalScheme);
  await claim(mapping, conditions, network, world);

  let tls: MappingTls;
  try {
    tls = await provideTls(mapping, conditions, network, setUrl, world);
  } catch (error) {
    if (!(error instanceof NotOwnedError)) {
      const failed = `Certificate ${childName(mapping.metadata.name, '')} failed to be provisioned.`;
      if (!isConflict(error)) conditions.markFalse(CERTIFICATE_PROVISIONED, 'CertificateProvisionFailed', failed);
      throw error;
    }
    const message = `There is an existing certificate ${error.objectName} that we don't own.`;
    conditions.markFalse(CERTIFICATE_PROVISIONED, 'CertificateNotOwned', message);
    throw notOwned(mapping, error);
  }

  const target = await resolveTarget(mapping, world);
  if ('problem' in target) {
    conditions.markFalse(REFERENCE_RESOLVED, 'ResolveFailed', target.problem);
    throw new ReconcileError(`resolving reference: ${target.problem}`);
  }
  conditions.markTrue(REFERENCE_RESOLVED);

  const desired = makeMappingIngress(mapping, target, tls, network);
  let ingress: Ingress;
  try {
    ({ object: ingress } = await ensure(world, {
      type: Ingress,
      owner: mapping,
      desired,
      update: (existing) => replaceSpec(existing, desired),
      label: 'Ingress',
      namedInFailure: false,
    }));
  } catch (error) {
    if (!(error instanceof NotOwnedError)) throw error;
    conditions.markFalse(INGRESS_READY, 'NotOwned', error.message);
    throw notOwned(mapping, error);
  }
  const ready = conditionOf(ingress.status, 'Ready');
  if (ready === undefined || ingress.metadata.generation !== ingress.status?.observedGeneration)
    conditions.markUnknown(INGRESS_READY, ...notConfigured(mapping.metadata.annotations, network));
  else mirror(conditions, INGRESS_READY, ready);
  return undefined;
}

function notOwned(mapping: DomainMapping, { kind, objectName }: NotOwnedError): ReconcileError {
  return new ReconcileError(`domainmapping: "${mapping.metadata.name}" does not own ${kind}: "${objectName}"`);
}

/** A domain belongs to one namespace of the cluster. @throws ReconcileError when it is not ours */
async function claim(
  mapping: DomainMapping,
  conditions: Conditions,
  network: NetworkConfig,
  world: World,
): Promise<void> {
  const { name, namespace = '' } = mapping.metadata;
  let existing = world.informer(ClusterDomainClaim).get(undefined, name);
  if (existing === undefined) {
    if (!network.autocreateClusterDomainClaims) {
      const message = `no ClusterDomainClaim found for domain ${JSON.stringify(name)} (and autocreate-cluster-domain-claims property is not true)`;
      conditions.markFalse(DOMAIN_CLAIMED, 'DomainAlreadyClaimed', message);
      throw new ReconcileError(message);
    }
    try {
      existing = await world.client.create(ClusterDomainClaim, {
        apiVersion: apiVersionOf(ClusterDomainClaim),
        kind: ClusterDomainClaim.kind,
        metadata: { name },
        spec: { namespace },
      });
    } catch (error) {
      if (!isAlreadyExists(error)) throw new ReconcileError('failed to create ClusterDomainClaim', error);
      existing = await world.client.get(ClusterDomainClaim, undefined, name);
    }
  }
  if (existing.spec.namespace !== namespace) {
    const message = 'The domain name is already in use by another DomainMapping';
    conditions.markFalse(DOMAIN_CLAIMED, 'DomainAlreadyClaimed', message);
    throw new ReconcileError(
      `namespace ${JSON.stringify(namespace)} does not own ClusterDomainClaim for ${JSON.stringify(name)}`,
    );
  }
  conditions.markTrue(DOMAIN_CLAIMED);
}

/** A claim that another namespace holds is not ours to give up. */
async function releaseClaim(mapping: DomainMapping, world: World): Promise<void> {
  const { name, namespace } = mapping.metadata;
  const existing = world.informer(ClusterDomainClaim).get(undefined, name);
  if (existing?.spec.namespace === namespace) await world.client.delete(ClusterDomainClaim, undefined, name);
}

async function provideTls(
  mapping: DomainMapping,
  conditions: Conditions,
  network: NetworkConfig,
  setUrl: (scheme: string) => void,
  world: World,
): Promise<MappingTls> {
  const { name, namespace = '' } = mapping.metadata;
  const given = mapping.spec.tls?.secretName;
  if (given !== undefined) {
    conditions.markTrue(
      CERTIFICATE_PROVISIONED,
      'CertificateExternallyProvided',
      'TLS certificate was provided externally',
    );
    setUrl('https');
    return { tls: [{ hosts: [name], secretName: given, secretNamespace: namespace }], challenges: [] };
  }
  if (!wantsExternalTls(mapping, network.externalDomainTls)) {
    conditions.markTrue(CERTIFICATE_PROVISIONED, 'TLSNotEnabled', 'external-domain-tls is not enabled');
    return { tls: [], challenges: [] };
  }
  const certificate = await ensureCertificate(
    {
      owner: mapping,
      ownerType: DomainMapping,
      ownerLabel: DOMAIN_MAPPING_UID_LABEL,
      name: childName(name, ''),
      type: 'external-domain',
      dnsNames: [name],
      domain: name,
      class: network.certificateClass,
    },
    world,
  );
  if (isReady(certificate)) {
    setUrl('https');
    conditions.markTrue(CERTIFICATE_PROVISIONED);
    const { secretName } = certificate.spec;
    return { tls: [{ hosts: [name], secretName, secretNamespace: namespace }], challenges: [] };
  }
  if (network.httpProtocol === 'Enabled') {
    setUrl('http');
    const message = `Certificate ${certificate.metadata.name} is not ready downgrade HTTP.`;
    conditions.markTrue(CERTIFICATE_PROVISIONED, 'HTTPDowngrade', message);
  } else {
    setUrl('https');
    const message = `Certificate ${certificate.metadata.name} is not ready.`;
    conditions.markUnknown(CERTIFICATE_PROVISIONED, 'CertificateNotReady', message);
  }
  const challenges = challengesOf(certificate).map(challengePath);
  return { tls: [], challenges: challenges.filter((one) => one !== undefined) };
}

function mappingsOf(object: KubeObject, world: World): ObjectKey[] {
  const { namespace = '', name } = object.metadata;
  const key = (space: string | undefined, kind: string, called: string) => `${space ?? ''}/${kind}/${called}`;
  return keysOf(
    world
      .informer(DomainMapping)
      .index(BY_REFERENCE, ({ metadata, spec }) => [key(metadata.namespace, spec.ref.kind, spec.ref.name)])
      .byIndex(BY_REFERENCE, key(namespace, object.kind, name)),
  );
}

function keysOf(mappings: readonly DomainMapping[]): ObjectKey[] {
  return mappings.map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}
