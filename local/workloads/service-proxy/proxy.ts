/**
 * Listens on the cluster IPs of plain Services and relays to their endpoints. Endpoints are looked up when a connection
 * comes, so that their changes cost nothing.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { Endpoints, EndpointSlice, Service } from '../../../api/core.ts';
import type { InstanceNetwork } from '../../../api/zeroth.ts';
import { keyOf, splitKey, type Informer } from '../../../kube/informer.ts';
import type { Informers } from '../../../kube/informers.ts';
import type { Logger } from '../../../kube/log.ts';
import { WorkQueue } from '../../../kube/queue.ts';
import { SERVICE_NAME } from '../endpoints/slices.ts';
import { backendsOf, type Backend } from './backends.ts';
import { listenersOf, type Listener } from './listeners.ts';
import { relay } from './relay.ts';

/** Most connections of one listener. */
const CONNECTIONS = 4_096;
const BY_SERVICE = 'any-service';
/** By the code of the error. */
const LIMITS: Readonly<Record<string, string>> = {
  EACCES: 'ports below 1024 of Services cannot be listened on here: their cluster IPs serve higher ports only',
  EADDRNOTAVAIL: 'addresses of the instance cannot be listened on here: Services have no cluster IPs that work',
};

interface OpenListener {
  readonly server: Server;
  listener: Listener;
  turn: number;
}

export interface ServiceProxyOptions {
  readonly informers: Informers;
  readonly network: InstanceNetwork;
  readonly log: Logger;
}

export class ServiceProxy {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #endpoints: Informer<Endpoints>;
  readonly #network: InstanceNetwork;
  readonly #log: Logger;
  readonly #queue = new WorkQueue((key) => this.#sync(key), { workers: 4 });
  readonly #open = new Map<string, Map<string, OpenListener>>();
  readonly #sockets = new Set<Socket>();
  readonly #said = new Set<string>();

  constructor({ informers, network, log }: ServiceProxyOptions) {
    this.#services = informers.of(Service);
    this.#slices = informers.of(EndpointSlice);
    this.#endpoints = informers.of(Endpoints);
    this.#network = network;
    this.#log = log.with({ part: 'service-proxy' });
    this.#slices.index(BY_SERVICE, ({ metadata: { namespace, labels } }) => {
      const name = labels?.[SERVICE_NAME];
      return name === undefined ? [] : [keyOf(namespace, name)];
    });
  }

  /** Resolves when the first Services are known; their sockets follow at once. */
  async start(): Promise<void> {
    await Promise.all([this.#services.synced, this.#slices.synced, this.#endpoints.synced]);
    this.#services.onChange((previous, current) => {
      const metadata = (current ?? previous)?.metadata;
      if (metadata !== undefined) this.#queue.add(keyOf(metadata.namespace, metadata.name));
    });
  }

  /** Closes all listeners and cuts all connections. */
  async stop(): Promise<void> {
    await this.#queue.stop();
    for (const socket of this.#sockets) socket.destroy();
    const servers = [...this.#open.values()].flatMap((listeners) => [...listeners.values()]);
    this.#open.clear();
    await Promise.all(servers.map(({ server }) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const service = this.#services.get(namespace, name);
    const wanted = service === undefined ? [] : listenersOf(service, this.#network);
    const open = this.#open.get(key) ?? new Map<string, OpenListener>();
    for (const [address, { server }] of open) {
      if (wanted.some((listener) => addressOf(listener) === address)) continue;
      open.delete(address);
      // Connections that exist go on; only new ones are refused.
      server.close();
    }
    for (const listener of wanted) {
      const known = open.get(addressOf(listener));
      if (known !== undefined) known.listener = listener;
      else {
        const opened = await this.#listen(key, listener);
        if (opened !== undefined) open.set(addressOf(listener), opened);
      }
    }
    if (open.size > 0) this.#open.set(key, open);
    else this.#open.delete(key);
  }

  /** `undefined` when the address cannot be had: the Service works by its pods' addresses all the same. */
  #listen(key: string, listener: Listener): Promise<OpenListener | undefined> {
    const { host, port } = listener;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const opened: OpenListener = { server, listener, turn: 0 };
    server.maxConnections = CONNECTIONS;
    server.on('connection', (client) => {
      this.#track(client);
      relay(client, this.#targets(key, opened), (upstream) => this.#track(upstream));
    });
    return new Promise((resolve) => {
      server.on('error', (error: NodeJS.ErrnoException) => {
        this.#report(key, port, error);
        resolve(undefined);
      });
      server.listen({ host, port }, () => resolve(opened));
    });
  }

  #targets(key: string, opened: OpenListener): Backend[] {
    const { leadsTo } = opened.listener;
    const { gateway, clusterPort } = this.#network;
    if (leadsTo.gateway) return [{ host: gateway, port: clusterPort }];
    const { namespace, name } = splitKey(key);
    const slices = this.#slices.byIndex(BY_SERVICE, key);
    const backends = backendsOf(leadsTo.portName, slices, this.#endpoints.get(namespace, name));
    const start = backends.length === 0 ? 0 : opened.turn++ % backends.length;
    return [...backends.slice(start), ...backends.slice(0, start)];
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** What the machine does not permit is said once; what happens to one Service is said of it. */
  #report(service: string, port: number, error: NodeJS.ErrnoException): void {
    const limit = LIMITS[error.code ?? ''];
    if (limit === undefined) this.#log.warn('a port of a Service cannot be listened on', { service, port, error });
    else if (!this.#said.has(limit)) {
      this.#said.add(limit);
      this.#log.info(limit, { service, port });
    }
  }
}

function addressOf({ host, port }: Listener): string {
  return `${host}:${port}`;
}
