/**
 * The serving controllers: Service → Configuration + Route, Configuration → Revision, Revision → Deployment +
 * PodAutoscaler + Images, Route → Ingress + placeholder Services + Certificates, DomainMapping → Ingress + claim,
 * Certificate → Secret, ServerlessService → its two Services, the labeler and Revision garbage collection.
 *
 * In: objects of the API server, ConfigMaps of the system namespace, image digests from `resolveImage`.
 * Out: objects and statuses written to the API server, and nothing else. It never touches a pod, a request or a scale.
 */
import type { Registry } from 'prom-client';
import { ConfigMap } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import { createController, type Controller, type ControllerOptions } from '../../kube/controller.ts';
import { systemClock } from '../../kube/clock.ts';
import type { Reconciler } from '../../kube/reconciler.ts';
import { AuthoritySource } from './certificate/authority.ts';
import { certManagerReconciler } from './certificate/cert-manager.ts';
import { namespaceCertificates } from './certificate/namespace-certificates.ts';
import { certificateSecrets, ownAuthorityReconciler } from './certificate/own-authority.ts';
import { ConfigStore } from './config/store.ts';
import { configurationReconciler } from './configuration/configuration.ts';
import { domainMappingReconciler } from './domain-mapping/domain-mapping.ts';
import { revisionCollector } from './gc/gc.ts';
import { configurationLabeler, revisionLabeler } from './labeler/labeler.ts';
import { reconcileMetrics } from './metrics.ts';
import { DigestResolver, type ResolveImage } from './revision/digest.ts';
import { revisionReconciler } from './revision/revision.ts';
import { routeReconciler } from './route/route.ts';
import { serverlessServiceReconciler } from './serverless-service/serverless-service.ts';
import { serviceReconciler } from './service/service.ts';

export interface ServingOptions extends ControllerOptions {
  readonly registry: Registry;
  /**
   * The digest reference (`repository@sha256:…`) of an image; `''` leaves the image as it is named. Rejects with the
   * reason that the Revision's condition will give.
   */
  readonly resolveImage: ResolveImage;
  /**
   * Told once how to say that images may have appeared: Revisions that wait for one try again at once rather than when
   * their back-off is over. Returns how to end it.
   */
  readonly imagesChanged?: (retry: () => void) => () => void;
}

export async function startServingControllers(options: ServingOptions): Promise<{ stop(): Promise<void> }> {
  const { client, informers, log, systemNamespace, clock, registry, resolveImage } = options;
  const config = new ConfigStore(informers.of(ConfigMap), systemNamespace, log);
  const digests = new DigestResolver({ resolveImage, clock });
  const authority = new AuthoritySource({ client, namespace: systemNamespace, clock: clock ?? systemClock, log });
  const secrets = certificateSecrets(client, log).start();
  const metered: ControllerOptions = { ...options, onPass: options.onPass ?? reconcileMetrics(registry) };
  const start = <T extends KubeObject & { status?: unknown }>(reconciler: Reconciler<T>): Controller =>
    createController(reconciler, metered);
  const controllers = [
    start(serviceReconciler),
    start(configurationReconciler),
    start(revisionReconciler(config, digests)),
    start(routeReconciler(config)),
    start(domainMappingReconciler(config)),
    start(ownAuthorityReconciler(config, authority, secrets)),
    start(certManagerReconciler(config)),
    start(namespaceCertificates(config)),
    start(serverlessServiceReconciler(systemNamespace)),
    start(revisionLabeler),
    start(configurationLabeler),
    start(revisionCollector(config)),
  ];
  await Promise.all([authority.start(), secrets.synced]);
  await Promise.all(controllers.map((controller) => controller.start()));
  const unsubscribe = options.imagesChanged?.(() => digests.retryFailed());
  return {
    async stop() {
      unsubscribe?.();
      digests.stop();
      authority.stop();
      secrets.stop();
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
  };
}
