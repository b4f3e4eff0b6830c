/**
 * Has cert-manager provide the Certificates of its class: one of its own Certificates for each of ours, its status told
 * in ours, HTTP-01 challenges handed on to the Ingress. Source: knative/serving pkg/reconciler/certificate (behaviour).
 */
import { AcmeChallenge, CertManagerCertificate, ClusterIssuer, HTTP_DOMAIN_LABEL } from '../../../api/cert-manager.ts';
import { Service } from '../../../api/core.ts';
import { Certificate } from '../../../api/networking/certificate.ts';
import type { Conditions } from '../../../kube/conditions.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { isControlledBy, type ObjectKey, type Outcome, type Reconciler, type World } from '../../../kube/reconciler.ts';
import type { CertManagerConfig } from '../config/cert-manager.ts';
import type { ConfigStore } from '../config/store.ts';
import { ReconcileError } from '../errors.ts';
import { beginPass, concludePass } from '../observe.ts';
import { adler32 } from './adler32.ts';
import { CertManagerKinds } from './cert-manager-kinds.ts';
import { CERT_MANAGER_CLASS, certificateClassOf, OWN_CLASS } from './classes.ts';
import { makeCertManagerCertificate, SHORT_PREFIX } from './resources/cert-manager-certificate.ts';
import { messageOf } from '../../../kube/message.ts';

type Status = NonNullable<Certificate['status']>;
type Challenges = NonNullable<Status['http01Challenges']>;

/** Reasons of cert-manager's for which waiting helps. */
const WAITING: readonly string[] = ['InProgress', 'Pending', 'TemporaryCertificate'];
const CHALLENGE_PATH = '/.well-known/acme-challenge';
/** ms until cert-manager is looked for again. */
const LOOK_AGAIN = 10_000;

export function certManagerReconciler(config: ConfigStore): Reconciler<Certificate> {
  let wake: (key: ObjectKey) => void = () => undefined;
  const kinds = new CertManagerKinds((key) => wake(key));
  return {
    name: 'certificate-controller',
    kind: Certificate,
    owns: [],
    watches: [
      {
        // A solver appears or goes.
        type: Service,
        keys: (service: Service, world) =>
          service.metadata.labels?.[HTTP_DOMAIN_LABEL] === undefined
            ? []
            : world
                .informer(Certificate)
                .list(service.metadata.namespace)
                .map(({ metadata: { namespace, name } }) => ({ namespace, name })),
      },
    ],
    configs: ['config-certmanager', 'config-network'],
    wakes: (waker) => (wake = waker),
    async reconcile(certificate, world): Promise<Outcome<Status> | void> {
      if (certificateClassOf(certificate, config.network.certificateClass) !== CERT_MANAGER_CLASS) {
        if (kinds.known) await withdraw(certificate, world);
        return undefined;
      }
      const conditions = beginPass(certificate, [], world.clock);
      const status: Status = { ...certificate.status };
      return concludePass(certificate, status, conditions, async () => {
        if (!(await kinds.available(world))) {
          conditions.markFalse('Ready', 'CertManagerNotInstalled', NOT_INSTALLED);
          return LOOK_AGAIN;
        }
        try {
          return await reconcile(certificate, status, conditions, config.certManager, world);
        } catch (error) {
          if (!conditions.isFalse('Ready'))
            conditions.markUnknown('Ready', 'ReconcileFailed', 'Cert-Manager certificate has not yet been reconciled.');
          throw error;
        }
      });
    },
  };
}

const NOT_INSTALLED = `cert-manager is not installed: the cluster knows no Certificate of cert-manager.io/v1. Install it, or have certificates made by the installation's own CA: set certificate-class to ${OWN_CLASS} in ConfigMap config-network.`;

/** Another class provides it now: cert-manager must not write the same Secret. */
async function withdraw(certificate: Certificate, world: World): Promise<void> {
  const { namespace, name } = certificate.metadata;
  const theirs = world.informer(CertManagerCertificate).get(namespace, name);
  if (theirs === undefined || !isControlledBy(theirs, certificate)) return;
  await world.client.delete(CertManagerCertificate, namespace, name);
}

/** @returns ms after which to look again */
async function reconcile(
  certificate: Certificate,
  status: Status,
  conditions: Conditions,
  config: CertManagerConfig,
  world: World,
): Promise<number | undefined> {
  const desired = makeCertManagerCertificate(certificate, config);
  if ('reason' in desired) {
    conditions.markFalse('Ready', desired.reason, desired.message);
    throw new ReconcileError(desired.message);
  }
  const theirs = await ensureTheirs(certificate, desired, conditions, world);
  if (theirs.status?.notAfter === undefined) delete status.notAfter;
  else status.notAfter = theirs.status.notAfter;
  const ready = theirs.status?.conditions?.find(({ type }) => type === 'Ready');
  switch (ready?.status) {
    case undefined:
      conditions.markUnknown(
        'Ready',
        'NoCertManagerCertCondition',
        'The ready condition of Cert Manager Certificate does not exist.',
      );
      break;
    case 'Unknown':
      conditions.markUnknown('Ready', ready.reason, ready.message);
      break;
    case 'False':
      if (WAITING.includes(ready.reason ?? '')) conditions.markUnknown('Ready', ready.reason, ready.message);
      else conditions.markFalse('Ready', ready.reason, ready.message);
      break;
    case 'True': {
      const renewal = Date.parse(theirs.status?.renewalTime ?? '');
      const now = world.clock.now();
      if (now > renewal) {
        // What is there still serves; but the Ingress must let the challenges through.
        conditions.markTrue('Renewing');
        break;
      }
      conditions.clear('Renewing');
      conditions.markTrue('Ready');
      delete status.http01Challenges;
      return Number.isNaN(renewal) ? undefined : Math.min(renewal - now + 1000, DAY);
    }
  }
  const challenges = challengesOf(certificate, theirs, world);
  if (challenges !== undefined) status.http01Challenges = challenges;
  return undefined;
}

const DAY = 24 * 60 * 60 * 1000;

async function ensureTheirs(
  certificate: Certificate,
  desired: CertManagerCertificate,
  conditions: Conditions,
  world: World,
): Promise<CertManagerCertificate> {
  const { namespace = '', name } = desired.metadata;
  const key = `${namespace}/${name}`;
  const existing = world.informer(CertManagerCertificate).get(namespace, name);
  if (existing === undefined) {
    try {
      const made = await world.client.create(CertManagerCertificate, desired);
      world.event(certificate, 'Normal', 'Created', `Created Cert-Manager Certificate ${key}`);
      return made;
    } catch (error) {
      const message = `Failed to create Cert-Manager Certificate ${name}/${namespace}: ${messageOf(error)}`;
      world.event(certificate, 'Warning', 'CreationFailed', message);
      throw new ReconcileError('failed to create Cert-Manager Certificate', error);
    }
  }
  if (!isControlledBy(existing, certificate)) {
    const message = `There is an existing CertManagerCertificate "${name}" that we do not own.`;
    conditions.markFalse('Ready', 'NotOwned', message);
    throw new ReconcileError(
      `knative Certificate ${certificate.metadata.name} in namespace ${namespace} does not own CertManager Certificate: ${name}`,
    );
  }
  if (deepEqual(existing.spec, desired.spec)) return existing;
  try {
    const updated = await world.client.update(CertManagerCertificate, { ...existing, spec: desired.spec });
    world.event(certificate, 'Normal', 'Updated', `Updated Spec for Cert-Manager Certificate ${key}`);
    return updated;
  } catch (error) {
    const message = `Failed to create Cert-Manager Certificate ${key}: ${messageOf(error)}`;
    world.event(certificate, 'Warning', 'UpdateFailed', message);
    throw new ReconcileError('failed to update Cert-Manager Certificate', error);
  }
}

/** Where the solvers of its challenges are; undefined when its issuer asks for none over HTTP. @throws ReconcileError */
function challengesOf(certificate: Certificate, theirs: CertManagerCertificate, world: World): Challenges | undefined {
  const { name: issuerName } = theirs.spec.issuerRef;
  const issuer = world.informer(ClusterIssuer).get(undefined, issuerName);
  if (issuer === undefined) throw new ReconcileError(`clusterissuer.cert-manager.io "${issuerName}" not found`);
  if (issuer.spec.acme?.solvers?.[0]?.http01 === undefined) return undefined;
  const { namespace } = certificate.metadata;
  return (theirs.spec.dnsNames ?? []).flatMap((dnsName): Challenges => {
    const value = String(adler32(dnsName));
    const solvers = world
      .informer(Service)
      .list(namespace)
      .filter(({ metadata }) => metadata.labels?.[HTTP_DOMAIN_LABEL] === value);
    if (solvers.length === 0) {
      // Answered before, perhaps: an issuer may remember that.
      if (dnsName === `${SHORT_PREFIX}${certificate.spec.domain ?? ''}`) return [];
      throw new ReconcileError(
        `no challenge solver service for domain ${dnsName}; selector=${HTTP_DOMAIN_LABEL}=${value}`,
      );
    }
    return solvers.map((service) => {
      const challengeName = service.metadata.ownerReferences?.[0]?.name ?? '';
      const challenge = world.informer(AcmeChallenge).get(namespace, challengeName);
      if (challenge === undefined)
        throw new ReconcileError(`challenge.acme.cert-manager.io "${challengeName}" not found`);
      return {
        url: `http://${challenge.spec.dnsName}${CHALLENGE_PATH}/${challenge.spec.token}`,
        serviceName: service.metadata.name,
        serviceNamespace: service.metadata.namespace ?? '',
        servicePort: service.spec?.ports?.[0]?.targetPort ?? 80,
      };
    });
  });
}
