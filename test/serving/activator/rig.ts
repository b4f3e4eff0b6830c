/** The data path between real sockets: a gateway, revisions of our own making, and servers as their pods. */
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type RequestListener,
  type RequestOptions,
  type Server,
} from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';
import type { EndpointSlice } from '../../../api/core.ts';
import type { Ingress, IngressPath } from '../../../api/networking/ingress.ts';
import type { Revision, RevisionSpec } from '../../../api/serving/revision.ts';
import { systemClock } from '../../../kube/clock.ts';
import { silentLogger } from '../../../kube/log.ts';
import { Backends, revisionKey, type Address } from '../../../serving/activator/backends.ts';
import { CertificateTable } from '../../../serving/activator/certificates.ts';
import { Dispatcher } from '../../../serving/activator/dispatch.ts';
import { Gateway, type GatewayHandler } from '../../../serving/activator/gateway.ts';
import { LazyUpstream } from '../../../serving/activator/lazy-upstream.ts';
import { Reporter } from '../../../serving/activator/reports.ts';
import { Resolver, type Audience, type ServicePort } from '../../../serving/activator/resolve.ts';
import { Revisions, type ServedRevision } from '../../../serving/activator/revisions.ts';
import { RoutingTable } from '../../../serving/activator/table.ts';
import { Http1Upstream } from '../../../serving/activator/upstream-http1.ts';
import { Upgrader } from '../../../serving/activator/upgrade.ts';

export interface RigOptions {
  readonly audience?: Audience;
  readonly queueLimit?: number;
  readonly headerTimeout?: number;
  readonly connectTimeout?: number;
  readonly autoscalerUrl?: string;
  /** Leaves it to the test to say when the tables are filled. */
  readonly early?: boolean;
  /** The port of every plain Service. */
  readonly servicePort?: ServicePort;
  /** Listens for TLS too, on `tlsPort`. */
  readonly tls?: boolean;
}

export interface Finished {
  readonly revision: string;
  readonly status: number;
}

const LABELS = {
  'kubernetes.io/service-name': 'rev-private',
  'networking.internal.knative.dev/serviceType': 'Private',
};

export class Rig {
  readonly table = new RoutingTable();
  readonly certificates = new CertificateTable();
  readonly finished: Finished[] = [];
  readonly revisions: Revisions;
  readonly backends: Backends;
  readonly dispatcher: Dispatcher;
  readonly upgrader: Upgrader;
  readonly gateway: Gateway;
  readonly secureGateway: Gateway;
  readonly reporter: Reporter;
  port = 0;
  tlsPort: number | undefined;
  readonly #known = new Map<string, Revision>();
  readonly #slices = new Map<string, EndpointSlice>();
  readonly #http1: Http1Upstream;
  readonly #http2: LazyUpstream;

  static async open(t: Test, options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    rig.port = (await rig.gateway.listen({ host: '127.0.0.1', port: 0 })).port;
    if (options.tls === true) rig.tlsPort = (await rig.secureGateway.listen({ host: '127.0.0.1', port: 0 })).port;
    rig.reporter.start();
    if (options.early !== true) rig.ready();
    t.teardown(() => rig.close());
    return rig;
  }

  private constructor(options: RigOptions) {
    const clock = systemClock;
    const log = silentLogger;
    const connectTimeout = options.connectTimeout ?? 2000;
    this.reporter = new Reporter({ url: options.autoscalerUrl, activator: 'test', clock, log });
    this.backends = new Backends((owner) => this.revisions.podsChanged('default', owner.split('/')[1] ?? ''));
    this.revisions = new Revisions({
      clock,
      queueLimit: options.queueLimit ?? 10_000,
      budget: { limit: 50_000, used: 0 },
      reporter: this.reporter,
      find: (_, name) => this.#known.get(name),
      addressesOf: (namespace, name) => this.backends.addressesOf(revisionKey(namespace, name)),
      dropped: (address) => this.#http1.forget(address),
    });
    const resolver = new Resolver({
      table: this.table,
      revisions: this.revisions,
      backends: this.backends,
      clusterDomain: 'cluster.local',
      portOf: () => options.servicePort,
      isOwn: ({ host, port }) => host === '127.0.0.1' && port === this.port,
      httpsPort: () => this.tlsPort,
    });
    const observer = {
      finished: (revision: ServedRevision, { status }: { status: number }) =>
        this.finished.push({ revision: revision.name, status }),
    };
    this.#http1 = new Http1Upstream({ idleConnections: 64, idleTimeout: 4000, connectTimeout, maxHeaderSize: 65_536 });
    this.#http2 = new LazyUpstream(async () => {
      const { Http2Upstream } = await import('../../../serving/activator/upstream-http2.ts');
      return new Http2Upstream({ connectTimeout, idleTimeout: 10_000 });
    });
    this.dispatcher = new Dispatcher({ resolver, http1: this.#http1, http2: this.#http2, clock, log, observer });
    this.upgrader = new Upgrader({ resolver, clock, log, observer, connectTimeout });
    const audience = options.audience ?? { scope: 'all', trusted: false };
    const limits = {
      maxHeaderSize: 65_536,
      headerTimeout: options.headerTimeout ?? 5000,
      keepAliveTimeout: 5000,
      maxConnections: 20_000,
    };
    const handler: GatewayHandler = {
      request: (exchange) => this.dispatcher.handle(exchange, audience),
      upgrade: (upgrade) => this.upgrader.handle(upgrade, audience),
    };
    this.gateway = new Gateway(limits, handler);
    this.secureGateway = new Gateway(limits, handler, (name) => this.certificates.contextFor(name));
  }

  ready(): void {
    this.dispatcher.ready();
    this.upgrader.ready();
  }

  async close(): Promise<void> {
    for (const gateway of [this.gateway, this.secureGateway]) {
      await gateway.drain();
      gateway.close();
    }
    this.reporter.close();
    this.#http1.close();
    this.#http2.close();
  }

  /** Makes a revision, with `NAME.test` routed to it unless it gets other paths. */
  revision(name: string, spec: Partial<RevisionSpec> = {}, paths?: IngressPath[]): ServedRevision {
    const revision: Revision = {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Revision',
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'user-container' }], timeoutSeconds: 20, ...spec },
    };
    this.#known.set(name, revision);
    this.route([`${name}.test`], paths ?? [{ splits: [split(name)] }]);
    return this.served(name);
  }

  remove(name: string): void {
    const revision = this.#known.get(name);
    this.#known.delete(name);
    this.revisions.take(revision, undefined);
  }

  route(hosts: string[], paths: IngressPath[], spec: Partial<Ingress['spec']> = {}): void {
    const ingress: Ingress = {
      apiVersion: 'networking.internal.knative.dev/v1alpha1',
      kind: 'Ingress',
      metadata: { name: hosts[0]!, namespace: 'default', generation: 1 },
      spec: { rules: [{ hosts, http: { paths } }], ...spec },
    };
    this.table.set(`default/${hosts[0]}`, ingress);
    this.certificates.setIngress(`default/${hosts[0]}`, ingress);
  }

  pods(name: string, addresses: readonly Address[]): void {
    const before = this.#slices.get(name);
    const ports = new Map(addresses.map(({ port }) => [port, addresses.filter((one) => one.port === port)]));
    // One slice a port in the cluster; here all ports of a revision's pods differ, so slices are per pod.
    for (const old of [...this.#slices.keys()].filter((key) => key.startsWith(`${name}/`))) {
      if (ports.has(Number(old.split('/')[1]))) continue;
      this.backends.take(this.#slices.get(old), undefined);
      this.#slices.delete(old);
    }
    for (const [port, group] of ports) {
      const key = `${name}/${port}`;
      const slice: EndpointSlice = {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: key, namespace: 'default', labels: { ...LABELS, 'serving.knative.dev/revision': name } },
        addressType: 'IPv4',
        endpoints: group.map(({ host }) => ({ addresses: [host], conditions: { ready: true } })),
        ports: [{ name: 'http', port, protocol: 'TCP' }],
      };
      this.backends.take(before, slice);
      this.#slices.set(key, slice);
    }
  }

  served(name: string): ServedRevision {
    const served = this.revisions.get('default', name);
    if (served === undefined) throw new Error(`no revision ${name}`);
    return served;
  }

  send(host: string, options: RequestOptions & { body?: string | Buffer } = {}): Promise<Answer> {
    return send(this.port, host, options);
  }

  socket(): Promise<RawClient> {
    return RawClient.open(this.port);
  }
}

export function split(serviceName: string, percent = 100): IngressPath['splits'][number] {
  return { serviceName, serviceNamespace: 'default', servicePort: 80, percent };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
  readonly whole: boolean;
}

/** One request over a connection of its own. */
export function send(
  port: number,
  host: string,
  options: RequestOptions & { body?: string | Buffer } = {},
): Promise<Answer> {
  const { body, headers, ...rest } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent: false, ...rest, host: '127.0.0.1', port, headers: { Host: host, ...headers } });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      const done = (): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body: Buffer.concat(chunks).toString(),
          trailers: response.trailers,
          whole: response.complete,
        });
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', done);
      response.on('end', done);
    });
    outgoing.end(body);
  });
}

/** A server as a pod on a free port. */
export async function startPod(t: Test, listener: RequestListener): Promise<{ address: Address; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: addressOf(server), server };
}

export function addressOf(server: { address(): AddressInfo | string | null }): Address {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  return { host: '127.0.0.1', port: address.port };
}

/** An address where nothing listens. */
export async function closedAddress(): Promise<Address> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = addressOf(server);
  await new Promise((resolve) => server.close(resolve));
  return address;
}

/** A socket that says exactly what it is told and keeps what it hears. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  ended = false;

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(new RawClient(socket)));
      socket.once('error', reject);
    });
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (this.text += chunk));
    socket.on('error', () => (this.ended = true));
    socket.on('close', () => (this.ended = true));
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  until(what: string | RegExp): Promise<string> {
    return waitFor(`${what} in ${JSON.stringify(this.text)}`, () => {
      const found = typeof what === 'string' ? this.text.includes(what) : what.test(this.text);
      return found ? this.text : undefined;
    });
  }

  closed(): Promise<true> {
    return waitFor('the connection to close', () => this.ended || undefined);
  }
}

/** Looks again with every turn of the event loop until the condition gives something. */
export async function waitFor<T>(what: string, condition: () => T | undefined | false, ms = 10_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
