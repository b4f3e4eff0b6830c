/** Certificates that a Route or DomainMapping asks for; whoever provides them watches their class. */
import { adler32 } from './adler32.ts';
import { Certificate } from '../../../api/networking/certificate.ts';
import type { IngressPath } from '../../../api/networking/ingress.ts';
import type { KubeObject } from '../../../api/object.ts';
import { apiVersionOf, type ResourceType } from '../../../api/resource.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { controllerRef, type World } from '../../../kube/reconciler.ts';
import { isConflict } from '../../../kube/errors.ts';
import { ensure, replaceSpec } from '../ensure.ts';
import { NotOwnedError, ReconcileError } from '../errors.ts';
import { CERTIFICATE_CLASS, DISABLE_EXTERNAL_TLS, firstOf, INGRESS_CLASS, LAST_APPLIED, without } from '../keys.ts';
import { parseBool } from '../../../kube/go-number.ts';
import { messageOf } from '../../../kube/message.ts';

export const CERTIFICATE_TYPE_LABEL = 'networking.knative.dev/certificate-type';
export const WILDCARD_DOMAIN_LABEL = 'networking.knative.dev/wildcardDomain';

export type CertificateType = 'external-domain' | 'cluster-local-domain';

export interface CertificateRequest {
  readonly owner: KubeObject;
  readonly ownerType: ResourceType;
  /** Label that names the owner. */
  readonly ownerLabel: string;
  readonly name: string;
  readonly type: CertificateType;
  readonly dnsNames: readonly string[];
  /** A suffix of the names. */
  readonly domain: string;
  /** Where the owner does not choose a class. */
  readonly class: string;
}

type Challenge = NonNullable<NonNullable<Certificate['status']>['http01Challenges']>[number];

export function makeCertificate(request: CertificateRequest): Certificate {
  const { owner, ownerType, name, dnsNames, domain } = request;
  const aliases: readonly string[] = [INGRESS_CLASS[1], CERTIFICATE_CLASS[1], LAST_APPLIED];
  return {
    apiVersion: apiVersionOf(Certificate),
    kind: Certificate.kind,
    metadata: {
      name,
      namespace: owner.metadata.namespace,
      labels: { [request.ownerLabel]: owner.metadata.name, [CERTIFICATE_TYPE_LABEL]: request.type },
      annotations: {
        ...without(owner.metadata.annotations, (key) => aliases.includes(key)),
        [CERTIFICATE_CLASS[0]]: firstOf(owner.metadata.annotations, CERTIFICATE_CLASS) ?? request.class,
      },
      ownerReferences: [controllerRef(owner, ownerType)],
    },
    spec: { dnsNames: [...dnsNames], domain, secretName: name },
  };
}

/** @throws NotOwnedError when a Certificate of that name belongs to somebody else */
export async function ensureCertificate(request: CertificateRequest, world: World): Promise<Certificate> {
  const { owner } = request;
  const desired = makeCertificate(request);
  const { namespace = '', name } = desired.metadata;
  const before = world.informer(Certificate).get(namespace, name);
  const say = (type: 'Normal' | 'Warning', reason: string, text: string): void =>
    world.event(owner, type, reason, text);
  try {
    const { object, created } = await ensure(world, {
      type: Certificate,
      owner,
      desired,
      update: (existing) => replaceSpec(existing, desired),
    });
    if (created) say('Normal', 'Created', `Created Certificate ${namespace}/${name}`);
    else if (before !== undefined && object !== before)
      say('Normal', 'Updated', `Updated Spec for Certificate ${namespace}/${name}`);
    return object;
  } catch (error) {
    if (error instanceof NotOwnedError || isConflict(error)) throw error;
    const why = messageOf(error instanceof ReconcileError ? error.cause : error);
    if (before === undefined)
      say('Warning', 'CreationFailed', `Failed to create Certificate ${namespace}/${name}: ${why}`);
    else say('Warning', 'UpdateFailed', `Failed to update Certificate ${namespace}/${name}: ${why}`);
    throw error;
  }
}

/** `route-UID`, made another one by a tag, and for the names inside the cluster. */
export function routeCertificateName(uid: string, tag: string, type: CertificateType): string {
  const suffix = type === 'cluster-local-domain' ? '-local' : '';
  return `route-${uid}${tag === '' ? '' : `-${adler32(tag)}`}${suffix}`;
}

/** Does a wildcard Certificate stand for all of these names? */
export function covers(wildcard: Certificate, dnsNames: readonly string[]): boolean {
  const parent = (name: string) => name.slice(name.indexOf('.') + 1);
  const parents = wildcard.spec.dnsNames.filter((name) => name.includes('.')).map(parent);
  return dnsNames.every((name) => name.includes('.') && parents.includes(parent(name)));
}

export function wantsExternalTls(owner: KubeObject, enabled: boolean): boolean {
  return enabled && parseBool(firstOf(owner.metadata.annotations, DISABLE_EXTERNAL_TLS) ?? '') !== true;
}

/** Challenges to be answered on this host while the Certificate is made, or renewed. */
export function challengesOf(certificate: Certificate): readonly Challenge[] {
  const renewing = conditionOf(certificate.status, 'Renewing')?.status === 'True';
  if (isReady(certificate) && !renewing) return [];
  return [...(certificate.status?.http01Challenges ?? [])].sort((a, b) => ((a.url ?? '') < (b.url ?? '') ? -1 : 1));
}

/** Host and path of a challenge; undefined when it is not one that can be routed. */
export function challengePath(challenge: Challenge): { readonly host: string; readonly path: IngressPath } | undefined {
  const { url = '', serviceName, serviceNamespace, servicePort } = challenge;
  if (!URL.canParse(url) || serviceName === undefined || serviceNamespace === undefined || servicePort === undefined)
    return undefined;
  const { hostname, pathname } = new URL(url);
  return {
    host: hostname,
    path: { path: pathname, splits: [{ serviceName, serviceNamespace, servicePort, percent: 100 }] },
  };
}
