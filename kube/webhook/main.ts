/**
 * The webhook server: defaulting and validation on a cluster, by the same pure admissions that the embedded API server
 * runs in-process.
 *
 * In: AdmissionReviews over TLS; ConfigMaps, its Secret and its webhook configurations by watch. Out: verdicts and
 * patches; the Secret's certificate and the configurations' CA. It never writes what it is asked about.
 */
import type { Registry } from 'prom-client';
import { ConfigMap } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Client } from '../client.ts';
import { systemClock, type Clock } from '../clock.ts';
import { Informer } from '../informer.ts';
import type { Logger } from '../log.ts';
import { admissionsOfKind, type WebhookComponent } from './component.ts';
import { startKeeper } from './keeper.ts';
import { createWebhookMetrics } from './metrics.ts';
import { respond, type Surroundings } from './respond.ts';
import { startWebhookServer } from './server.ts';

export interface WebhookOptions {
  readonly client: Client;
  readonly components: readonly WebhookComponent[];
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface WebhookProcess {
  readonly port: number;
  /** What is missing before requests are answered; empty when ready. */
  missing(): readonly string[];
  /** Resolves when the caches are filled. */
  readonly synced: Promise<void>;
  /** Waits for answers under way, at most `wait` ms. */
  stop(wait: number): Promise<void>;
}

/** @throws the system's error when the port is taken */
export async function startWebhook(options: WebhookOptions): Promise<WebhookProcess> {
  const { client, components, registry, log, clock = systemClock } = options;
  const maps = new Map(
    components.map(({ namespace }) => [namespace, new Informer(client, ConfigMap, log, { namespace }).start()]),
  );
  const around: Surroundings = {
    components,
    api: client.transport,
    config: (namespace, name) => settingsOf(maps.get(namespace)?.get(namespace, name)),
    now: () => clock.now(),
  };
  const isKnown: Parameters<typeof createWebhookMetrics>[1] = (role, { kind }) =>
    admissionsOfKind(components, role, kind) !== undefined;
  let isSynced = false;
  const synced = Promise.all([...maps.values()].map((informer) => informer.synced)).then(() => {
    isSynced = true;
  });
  const server = await startWebhookServer({
    host: options.host,
    port: options.port,
    log,
    // Without its ConfigMaps it would judge by the defaults.
    respond: (role, request) => synced.then(() => respond(around, role, request)),
    onAnswer: createWebhookMetrics(registry, isKnown),
  });
  const keeper = startKeeper({
    client,
    components,
    clock,
    log,
    serve: (_, names, certificate) => server.setCertificate(names, certificate),
  });
  return {
    port: server.port,
    missing: () => [...(isSynced ? [] : ['ConfigMaps']), ...keeper.missing().map((name) => `certificate of ${name}`)],
    synced: Promise.all([synced, keeper.synced]).then(() => undefined),
    async stop(wait) {
      for (const informer of maps.values()) informer.stop();
      await keeper.stop();
      await server.close(wait);
    },
  };
}

function settingsOf(map: (KubeObject & { data?: Readonly<Record<string, string>> }) | undefined) {
  const { _example: _, ...data } = map?.data ?? {};
  return data;
}
