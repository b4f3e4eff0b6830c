/** Provides the Certificates of our own class: a key pair from our own CA in the Secret that each names, renewed in time. */
import { Secret } from '../../../api/core.ts';
import { Certificate, CERTIFICATE_UID_LABEL } from '../../../api/networking/certificate.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Client } from '../../../kube/client.ts';
import type { Conditions } from '../../../kube/conditions.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import { Informer } from '../../../kube/informer.ts';
import type { Logger } from '../../../kube/log.ts';
import { controllerRef, isControlledBy, type Outcome, type Reconciler, type World } from '../../../kube/reconciler.ts';
import type { ConfigStore } from '../config/store.ts';
import { CertificateAuthorityError } from '../errors.ts';
import { timestamp } from '../../../kube/timestamp.ts';
import { beginPass, endPass } from '../observe.ts';
import type { Authority, AuthoritySource } from './authority.ts';
import { certificateClassOf, OWN_CLASS } from './classes.ts';
import { expiryOf, keyPairOf, reasonToIssue, renewalTime, secretData, type KeyPair } from './key-pair.ts';

type Status = NonNullable<Certificate['status']>;

const DAY = 24 * 60 * 60 * 1000;
/** ms: nothing tells us when somebody else's Secret, or one without our label, goes away. */
const RETRY_NOT_OWNED = 10_000;
const BY_SECRET = 'secret';

/** The Secrets made for Certificates, and no others. */
export function certificateSecrets(client: Client, log: Logger): Informer<Secret> {
  return new Informer(client, Secret, log, { labelSelector: CERTIFICATE_UID_LABEL });
}

export function ownAuthorityReconciler(
  config: ConfigStore,
  authority: AuthoritySource,
  secrets: Informer<Secret>,
): Reconciler<Certificate> {
  let wake: Parameters<NonNullable<Reconciler<Certificate>['wakes']>>[0] | undefined;
  let certificates: Informer<Certificate> | undefined;
  authority.onChange(() => {
    for (const { metadata } of certificates?.list() ?? [])
      wake?.({ namespace: metadata.namespace, name: metadata.name });
  });
  secrets.onChange((previous, current) => {
    const { name, namespace = '' } = (current ?? previous)?.metadata ?? {};
    for (const { metadata } of certificates?.byIndex(BY_SECRET, `${namespace}/${name ?? ''}`) ?? [])
      wake?.({ namespace: metadata.namespace, name: metadata.name });
  });
  return {
    name: 'own-certificate-controller',
    kind: Certificate,
    owns: [],
    watches: [],
    configs: ['config-network'],
    wakes: (waker) => (wake = waker),
    async reconcile(certificate, world): Promise<Outcome<Status> | void> {
      certificates ??= world
        .informer(Certificate)
        .index(BY_SECRET, ({ metadata, spec }) => [`${metadata.namespace ?? ''}/${spec.secretName}`]);
      if (certificateClassOf(certificate, config.network.certificateClass) !== OWN_CLASS) return undefined;
      const conditions = beginPass(certificate, [], world.clock);
      const { http01Challenges: _, ...before } = certificate.status ?? {};
      const status: Status = { ...before };
      const again = await provide(certificate, status, conditions, authority, secrets, world);
      return { status: endPass(certificate, status, conditions), again };
    },
  };
}

/** @returns ms after which to look again */
async function provide(
  certificate: Certificate,
  status: Status,
  conditions: Conditions,
  source: AuthoritySource,
  secrets: Informer<Secret>,
  world: World,
): Promise<number> {
  const { namespace } = certificate.metadata;
  const { secretName, dnsNames } = certificate.spec;
  const existing = secrets.get(namespace, secretName) ?? (await world.client.find(Secret, namespace, secretName));
  if (existing !== undefined && !isOurs(existing, certificate)) {
    conditions.markFalse('Ready', 'NotOwned', `There is an existing Secret "${secretName}" that we do not own.`);
    return RETRY_NOT_OWNED;
  }
  let authority: Authority;
  try {
    authority = await source.current();
  } catch (error) {
    if (!(error instanceof CertificateAuthorityError)) throw error;
    conditions.markFalse('Ready', 'CertificateAuthorityInvalid', error.message);
    return DAY;
  }
  const now = world.clock.now();
  let pair: KeyPair | undefined = existing === undefined ? undefined : keyPairOf(existing);
  const reason = pair && reasonToIssue(pair, { caCert: authority.caCert, dnsNames, now });
  if (pair === undefined || reason !== undefined) {
    pair = await authority.issue(dnsNames);
    await write(certificate, existing, pair, authority.caCert, world);
    const why = reason === undefined ? '' : `: ${reason}`;
    const until = timestamp(expiryOf(pair.cert));
    world.event(
      certificate,
      'Normal',
      'Issued',
      `Issued a certificate valid until ${until} into Secret "${secretName}"${why}`,
    );
  }
  status.notAfter = timestamp(expiryOf(pair.cert));
  conditions.markTrue('Ready');
  return Math.min(DAY, Math.max(1000, renewalTime(pair.cert) - now));
}

async function write(
  certificate: Certificate,
  existing: Secret | undefined,
  pair: KeyPair,
  caCert: string,
  world: World,
): Promise<void> {
  const { namespace, uid = '' } = certificate.metadata;
  const data = secretData(pair, caCert);
  if (existing !== undefined) {
    const labels = { ...existing.metadata.labels, [CERTIFICATE_UID_LABEL]: uid };
    await world.client.update(Secret, {
      ...existing,
      metadata: { ...existing.metadata, labels },
      type: 'kubernetes.io/tls',
      data: { ...existing.data, ...data },
    });
    return;
  }
  try {
    await world.client.create(Secret, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: certificate.spec.secretName,
        namespace,
        labels: { [CERTIFICATE_UID_LABEL]: uid },
        ownerReferences: [controllerRef(certificate, Certificate)],
      },
      type: 'kubernetes.io/tls',
      data,
    });
  } catch (error) {
    // Made by a pass before this one, or by somebody else: the next pass looks whose it is.
    if (!isAlreadyExists(error)) throw error;
    throw new Error(`Secret "${certificate.spec.secretName}" appeared meanwhile`, { cause: error });
  }
}

function isOurs(secret: KubeObject, certificate: Certificate): boolean {
  return (
    isControlledBy(secret, certificate) ||
    secret.metadata.labels?.[CERTIFICATE_UID_LABEL] === (certificate.metadata.uid ?? '')
  );
}
