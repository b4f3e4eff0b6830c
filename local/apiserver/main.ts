/**
 * The embedded Kubernetes API server. Objects come in over the in-process `transport` or over HTTPS (`listen`), pass
 * defaulting, admission and validation, and are durable in `dir` before they are acknowledged; watches go out. It may
 * never change an object by itself beyond what a Kubernetes API server would: controllers do the rest.
 */
import type { Registry as MetricsRegistry } from 'prom-client';
import { join } from 'node:path';
import type { Admission } from '../../kube/admission.ts';
import { systemClock, type Clock } from '../../kube/clock.ts';
import type { Logger } from '../../kube/log.ts';
import type { PodStreams } from '../../kube/pod-streams.ts';
import type { ResourceUsage } from '../../kube/resource-usage.ts';
import type { Transport } from '../../kube/transport.ts';
import { Webhooks } from './admission/reviews.ts';
import { bootstrap } from './bootstrap.ts';
import { builtinKinds } from './builtins.ts';
import { ClusterIps } from './cluster-ips.ts';
import { followDefinitions } from './definition-loop.ts';
import { unavailable } from './errors.ts';
import { expireEvents } from './event-expiry.ts';
import { InProcessTransport } from './in-process.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { MASTERS } from './rbac.ts';
import { Registry } from './registry.ts';
import { followServices } from './service-ips.ts';
import type { Listener, ListenOptions } from './server.ts';
import { Store } from './store/store.ts';
import { TokenIssuer } from './tokens.ts';
import type { Core } from './verbs/call.ts';

export interface ApiServerOptions {
  readonly dir: string;
  readonly admissions: readonly Admission[];
  /** First two octets of the instance's addresses; Services get theirs from its upper half. */
  readonly servicePrefix?: string;
  readonly registry?: MetricsRegistry;
  readonly clock?: Clock;
  readonly log: Logger;
}

export class ApiServer {
  /** Acts as `system:admin` of group `system:masters`. */
  readonly transport: Transport;
  /** Logs, exec and port-forward of pods; answered with 503 until it is set. */
  podStreams: PodStreams | undefined;
  /** What pods and the node use, for `metrics.k8s.io`; answered with 503 until it is set. */
  usage: ResourceUsage | undefined;
  readonly #core: Core;
  readonly #metrics: Metrics;
  readonly #loops: (() => void)[];
  readonly #listeners: Listener[] = [];

  private constructor(core: Core, metrics: Metrics, loops: (() => void)[]) {
    this.#core = core;
    this.#metrics = metrics;
    this.#loops = loops;
    const admin = { name: 'system:admin', groups: [MASTERS, 'system:authenticated'] };
    this.transport = new InProcessTransport(core, admin, metrics);
  }

  /** @throws StoreError when the folder is in use by another process or damaged */
  static async open(options: ApiServerOptions): Promise<ApiServer> {
    const { dir, log, admissions, servicePrefix, clock = systemClock } = options;
    const metrics = createMetrics(options.registry);
    const store = await Store.open({ dir: join(dir, 'store'), log, onBatch: metrics.onBatch });
    let opened: ApiServer | undefined;
    try {
      const kinds = new Registry(builtinKinds);
      const core: Core = {
        store,
        registry: kinds,
        admissions,
        webhooks: new Webhooks(store, kinds, log, (call) => metrics.onWebhook(call)),
        ips: new ClusterIps(servicePrefix),
        tokens: new TokenIssuer(join(dir, 'service-account.key')),
        watches: new Map(),
        usage: () => opened?.usage,
        clock,
        log,
      };
      const loops = [followServices(core), followDefinitions(core), expireEvents(core), core.webhooks.follow(store)];
      const server = new ApiServer(core, metrics, loops);
      core.webhooks.transport = server.transport;
      opened = server;
      await bootstrap(core, server.transport);
      return server;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Serves HTTPS. Port 0 takes a free one. */
  async listen(options: ListenOptions): Promise<{ port: number }> {
    const { startListener } = await import('./server.ts');
    const listener = await startListener(this.#core, this.#metrics, () => this.podStreams, options);
    this.#listeners.push(listener);
    return { port: listener.port };
  }

  async close(): Promise<void> {
    for (const stop of this.#loops) stop();
    const stopping = unavailable('the API server is stopping');
    for (const end of [...this.#core.watches.keys()]) end(stopping);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    this.#core.webhooks.close();
    await this.#core.store.close();
  }
}
