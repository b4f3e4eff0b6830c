/** TLS of a Route: one Certificate a public host, one a tag for the names inside the cluster. Reference section 2.5. */
import { Secret } from '../../../api/core.ts';
import { Certificate } from '../../../api/networking/certificate.ts';
import type { Ingress, IngressPath } from '../../../api/networking/ingress.ts';
import { Route, ROUTE_CONDITIONS, type RouteStatus } from '../../../api/serving/route.ts';
import { conditionOf, isReady, type Conditions } from '../../../kube/conditions.ts';
import { isConflict } from '../../../kube/errors.ts';
import { isControlledBy, type ObjectKey, type World } from '../../../kube/reconciler.ts';
import {
  CERTIFICATE_TYPE_LABEL,
  challengePath,
  challengesOf,
  covers,
  ensureCertificate,
  routeCertificateName,
  WILDCARD_DOMAIN_LABEL,
  wantsExternalTls,
  type CertificateRequest,
  type CertificateType,
} from '../certificate/certificate.ts';
import { CLUSTER_LOCAL_DOMAIN, domainForLabels } from '../config/domain.ts';
import { NotOwnedError } from '../errors.ts';
import { ROUTE_LABEL } from '../keys.ts';
import { expandHost, hostOf, portFor, urlOf, type NamingConfig, type Visibility } from './domains.ts';

const [, , CERTIFICATE_PROVISIONED] = ROUTE_CONDITIONS;

export interface RouteTls {
  readonly tls: NonNullable<Ingress['spec']['tls']>;
  readonly challenges: ReadonlyMap<string, readonly IngressPath[]>;
}

interface Inputs {
  readonly route: Route;
  readonly tags: readonly string[];
  readonly visibility: ReadonlyMap<string, Visibility>;
  /** Its URLs get the scheme that their hosts have a certificate for. */
  readonly status: RouteStatus;
  readonly conditions: Conditions;
  readonly config: NamingConfig;
  readonly world: World;
}

/** Routes that a wildcard Certificate may stand for; their own ones wake them as children. */
export function routesUnderWildcard({ metadata }: Certificate, world: World): ObjectKey[] {
  if (metadata.labels?.[WILDCARD_DOMAIN_LABEL] === undefined) return [];
  return world
    .informer(Route)
    .list(metadata.namespace)
    .map(({ metadata: { namespace, name } }) => ({ namespace, name }));
}

/** @throws NotOwnedError (kind Certificate) */
export async function reconcileCertificates(inputs: Inputs): Promise<RouteTls> {
  const { route, conditions, config } = inputs;
  const { externalDomainTls, clusterLocalDomainTls } = config.network;
  const external = wantsExternalTls(route, externalDomainTls);
  const tls: RouteTls['tls'] = [];
  const challenges = new Map<string, IngressPath[]>();
  const used = new Set<string>();
  const note = (message: string) => conditions.markTrue(CERTIFICATE_PROVISIONED, 'TLSNotEnabled', message);
  if (external) {
    for (const tag of inputs.tags) {
      if (inputs.visibility.get(tag) === 'ClusterLocal') continue;
      used.add(await provideExternal(inputs, tag, tls, challenges));
    }
    if (used.size === 0 && !clusterLocalDomainTls) note('TLS is not enabled for cluster-local');
  } else note('external-domain-tls is not enabled');
  if (clusterLocalDomainTls) for (const tag of inputs.tags) used.add(await provideLocal(inputs, tag, tls));
  await deleteOrphans(inputs, external, used);
  return { tls, challenges };
}

async function provideExternal(
  inputs: Inputs,
  tag: string,
  tls: RouteTls['tls'],
  challenges: Map<string, IngressPath[]>,
): Promise<string> {
  const { route, config, conditions, world } = inputs;
  const host = hostOf(route, tag, 'ExternalIP', config);
  const domain = domainForLabels(config.domain, route.metadata.labels ?? {});
  const name = routeCertificateName(route.metadata.uid ?? '', tag, 'external-domain');
  const wildcard = world
    .informer(Certificate)
    .list(route.metadata.namespace)
    .find((one) => one.metadata.labels?.[WILDCARD_DOMAIN_LABEL] === domain && covers(one, [host]));
  const certificate = wildcard ?? (await provision(requestOf(inputs, tag, 'external-domain', [host], domain), inputs));
  for (const challenge of challengesOf(certificate)) {
    const found = challengePath(challenge);
    if (found !== undefined) challenges.set(found.host, [...(challenges.get(found.host) ?? []), found.path]);
  }
  if (isReady(certificate)) {
    setScheme(inputs, host, 'ExternalIP', 'https');
    conditions.markTrue(CERTIFICATE_PROVISIONED);
    tls.push({
      hosts: [host],
      secretName: certificate.spec.secretName,
      secretNamespace: certificate.metadata.namespace ?? '',
    });
  } else if (config.network.httpProtocol === 'Enabled') {
    setScheme(inputs, host, 'ExternalIP', 'http');
    conditions.markTrue(
      CERTIFICATE_PROVISIONED,
      'HTTPDowngrade',
      `Certificate ${certificate.metadata.name} is not ready downgrade HTTP.`,
    );
  } else {
    setScheme(inputs, host, 'ExternalIP', 'https');
    markUnready(conditions, certificate);
  }
  return name;
}

async function provideLocal(inputs: Inputs, tag: string, tls: RouteTls['tls']): Promise<string> {
  const { route, config, conditions } = inputs;
  const hosts = expandHost(hostOf(route, tag, 'ClusterLocal', config), 'ClusterLocal');
  const request = requestOf(inputs, tag, 'cluster-local-domain', hosts, CLUSTER_LOCAL_DOMAIN);
  const certificate = await provision(request, inputs);
  if (isReady(certificate)) {
    for (const host of hosts) setScheme(inputs, host, 'ClusterLocal', 'https');
    await addTrust(inputs, certificate);
    conditions.markTrue(CERTIFICATE_PROVISIONED);
    tls.push({ hosts, secretName: certificate.spec.secretName, secretNamespace: certificate.metadata.namespace ?? '' });
  } else markUnready(conditions, certificate);
  return request.name;
}

async function provision(request: CertificateRequest, { conditions, world }: Inputs): Promise<Certificate> {
  try {
    return await ensureCertificate(request, world);
  } catch (error) {
    // One that somebody else owns has a reason of its own.
    if (!(error instanceof NotOwnedError) && !isConflict(error)) markFailed(conditions, request.name, '');
    throw error;
  }
}

function requestOf(
  { route, config }: Inputs,
  tag: string,
  type: CertificateType,
  dnsNames: readonly string[],
  domain: string,
) {
  return {
    owner: route,
    ownerType: Route,
    ownerLabel: ROUTE_LABEL,
    name: routeCertificateName(route.metadata.uid ?? '', tag, type),
    type,
    dnsNames,
    domain,
    class: config.network.certificateClass,
  };
}

function markUnready(conditions: Conditions, certificate: Certificate): void {
  const { name } = certificate.metadata;
  const ready = conditionOf(certificate.status, 'Ready');
  const reason = ready?.reason ?? '';
  if (ready?.status === 'False') markFailed(conditions, name, reason);
  else
    conditions.markUnknown(
      CERTIFICATE_PROVISIONED,
      'CertificateNotReady',
      `Certificate ${name} is not ready: ${reason}`,
    );
}

function markFailed(conditions: Conditions, name: string, reason: string): void {
  const message = `Certificate ${name} fails to be provisioned: ${reason}`;
  conditions.markFalse(CERTIFICATE_PROVISIONED, 'CertificateProvisionFailed', message);
}

/** Whoever sends to the address learns whom to trust, as Addressables say it; events are delivered so. */
async function addTrust({ status, world }: Inputs, { metadata, spec }: Certificate): Promise<void> {
  const secret = await world.client.find(Secret, metadata.namespace, spec.secretName);
  const ca = secret?.data?.['ca.crt'];
  if (ca === undefined || status.address === undefined) return;
  status.address = { ...status.address, CACerts: Buffer.from(ca, 'base64').toString('utf8') };
}

/** A URL of another scheme has that scheme's port. */
function setScheme({ status, config }: Inputs, host: string, visibility: Visibility, scheme: string): void {
  const wanted = urlOf(scheme, host, portFor(visibility, config.network, scheme));
  const at = (url: string | undefined) => (url !== undefined && new URL(url).hostname === host ? wanted : url);
  status.url = at(status.url);
  if (status.address !== undefined) status.address = { ...status.address, url: at(status.address.url) };
  status.traffic = status.traffic?.map((target) =>
    target.url === undefined ? target : { ...target, url: at(target.url) },
  );
}

/** Certificates of tags that are gone; those of a kind of TLS that is switched off stay, as their secrets may be in use. */
async function deleteOrphans(inputs: Inputs, external: boolean, used: ReadonlySet<string>): Promise<void> {
  const { route, config, world } = inputs;
  const active = (type: string | undefined) =>
    type === 'external-domain' ? external : type === 'cluster-local-domain' && config.network.clusterLocalDomainTls;
  for (const certificate of world.informer(Certificate).list(route.metadata.namespace)) {
    const { name, namespace, labels } = certificate.metadata;
    if (!isControlledBy(certificate, route) || used.has(name) || !active(labels?.[CERTIFICATE_TYPE_LABEL])) continue;
    await world.client.delete(Certificate, namespace, name);
    world.event(certificate, 'Normal', 'Deleted', `Deleted orphaned Knative Certificate ${namespace ?? ''}/${name}`);
  }
}

/** What the condition says when a Certificate's name is taken. */
export function markCertificateNotOwned(conditions: Conditions, error: NotOwnedError): void {
  conditions.markFalse(
    CERTIFICATE_PROVISIONED,
    'CertificateNotOwned',
    `There is an existing certificate ${error.objectName} that we don't own.`,
  );
}
