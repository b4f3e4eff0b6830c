/**
 * Requests that switch protocols (WebSocket): they wait for a slot like any other, hold it as long as the connection is
 * open, and are carried by http-proxy, which is loaded with the first of them.
 */
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type HttpProxy from 'http-proxy';
import type { Address } from './backends.ts';
import { Deadlines, type Limits } from './deadlines.ts';
import { GatewayError, NotReady, RequestTimeout, UpstreamFailure } from './errors.ts';
import type { RequestObserver } from './dispatch.ts';
import { forPod, forwardedHeaders, withSet } from './headers.ts';
import type { Audience, Destination, Resolver } from './resolve.ts';
import { refuse, type UpgradeRequest } from './server-http1.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../kube/log.ts';
import type { Admission, Lease } from './throttle.ts';

export interface UpgraderOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: RequestObserver;
  readonly connectTimeout: number;
}

/** ms an upgrade is held before the tables are filled. */
const EARLY_MS = 15_000;

export class Upgrader {
  readonly #options: UpgraderOptions;
  readonly #open = new Set<UpgradeCall>();
  readonly #early = new Set<() => void>();
  #ready = false;
  #proxy: Promise<HttpProxy> | undefined;

  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** Upgraded or upgrading connections. */
  get open(): number {
    return this.#open.size;
  }

  /** The tables are filled: upgrades that came before are served now. */
  ready(): void {
    this.#ready = true;
    for (const serve of this.#early) serve();
    this.#early.clear();
  }

  handle(upgrade: UpgradeRequest, audience: Audience): void {
    if (this.#ready) return this.#serve(upgrade, audience);
    const { socket } = upgrade;
    const serve = (): void => {
      leave();
      this.#serve(upgrade, audience);
    };
    const leave = (): void => {
      cancel();
      this.#early.delete(serve);
      socket.off('close', leave);
    };
    const cancel = this.#options.clock.after(EARLY_MS, () => {
      leave();
      const { status, message, headers } = new NotReady();
      refuse(socket, status, message, headers);
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', leave);
    this.#early.add(serve);
  }

  #serve(upgrade: UpgradeRequest, audience: Audience): void {
    try {
      const destination = this.#options.resolver.resolve(upgrade.head, audience);
      const call = new UpgradeCall(upgrade, destination, this.#options, () => this.#load());
      this.#open.add(call);
      upgrade.socket.once('close', () => this.#open.delete(call));
      call.start();
    } catch (error) {
      if (error instanceof GatewayError) return refuse(upgrade.socket, error.status, error.message, error.headers);
      this.#options.log.error('upgrade failed', { host: upgrade.head.authority, error });
      refuse(upgrade.socket, 500, 'internal error');
    }
  }

  #load(): Promise<HttpProxy> {
    this.#proxy ??= import('http-proxy').then(({ default: httpProxy }) => {
      const proxy = httpProxy.createProxyServer({ ws: true, toProxy: true });
      proxy.on('proxyReqWs', (proxyRequest, message) => {
        // http-proxy joins and shortens paths; ours is to arrive as it was sent.
        proxyRequest.path = message.url ?? '/';
        proxyRequest.once('response', (response) => {
          // A refusal: http-proxy passes its body on decoded, so its end is the connection's end.
          delete response.headers['transfer-encoding'];
          response.headers.connection = 'close';
        });
      });
      return proxy;
    });
    return this.#proxy;
  }
}

class UpgradeCall {
  readonly #upgrade: UpgradeRequest;
  readonly #destination: Destination;
  readonly #options: UpgraderOptions;
  readonly #load: () => Promise<HttpProxy>;
  readonly #started = performance.now();
  #deadlines: Deadlines | undefined;
  #admission: Admission | undefined;
  #lease: Lease | undefined;
  #pod: Address | undefined;
  #upstream: Socket | undefined;
  #status = 0;
  #over = false;
  #serviceAttempts = 0;

  constructor(
    upgrade: UpgradeRequest,
    destination: Destination,
    options: UpgraderOptions,
    load: () => Promise<HttpProxy>,
  ) {
    this.#upgrade = upgrade;
    this.#destination = destination;
    this.#options = options;
    this.#load = load;
  }

  start(): void {
    const { socket } = this.#upgrade;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#close());
    const limits: Limits = this.#destination.to === 'revision' ? this.#destination.revision.limits : {};
    if (this.#destination.to === 'revision') this.#destination.revision.arrive();
    this.#deadlines = new Deadlines(this.#options.clock, limits, () => this.#timeOut());
    this.#admit(false);
  }

  #admit(first: boolean): void {
    if (this.#destination.to === 'service') {
      const { addresses } = this.#destination;
      const address = addresses[this.#serviceAttempts++];
      if (address === undefined) this.#refuse(new UpstreamFailure('no endpoint accepts connections', { unsent: true }));
      else this.#connect(address);
      return;
    }
    try {
      const applicant = {
        granted: (lease: Lease) => {
          this.#lease = lease;
          this.#pod = lease.address;
          this.#connect(lease.address);
        },
        rejected: (error: GatewayError) => this.#refuse(error),
      };
      this.#admission = this.#destination.revision.throttle.admit(applicant, { first });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#refuse(error);
    }
  }

  /** The connection comes first, so that one refused costs nothing but another try. */
  #connect(address: Address): void {
    const upstream = connect({ host: address.host, port: address.port, noDelay: true });
    this.#upstream = upstream;
    upstream.setTimeout(this.#options.connectTimeout, () => upstream.destroy(new Error('connect timed out')));
    const failed = (): void => {
      if (this.#over) return;
      this.#lease?.refused();
      this.#lease = undefined;
      this.#admit(true);
    };
    upstream.once('error', failed);
    upstream.once('connect', () => {
      upstream.off('error', failed);
      upstream.on('error', () => upstream.destroy());
      upstream.setTimeout(0);
      this.#carry(upstream, address).catch((error: unknown) => {
        this.#options.log.error('upgrade failed', { error });
        this.#refuse(new GatewayError('internal', 500, 'internal error'));
      });
    });
  }

  async #carry(upstream: Socket, address: Address): Promise<void> {
    const proxy = await this.#load();
    if (this.#over) return;
    const { message, socket, rest, head } = this.#upgrade;
    message.headers = this.#headers();
    message.url = head.target;
    const agent = new OneConnection(upstream);
    const target = { protocol: 'http:', host: address.host, port: String(address.port) };
    let passed = 0;
    const traffic = (): void => {
      // The first bytes back are the pod's answer, 101 or a refusal.
      if (passed++ === 0) {
        this.#status ||= 101;
        if (this.#destination.to === 'revision') this.#destination.revision.answered();
        // Taking the connection is no response yet: the limit to its start ends a silent one, as Knative's does.
        if (this.#status === 101) return;
      }
      this.#deadlines?.wrote();
    };
    upstream.on('data', traffic);
    socket.on('data', () => {
      if (passed > 0) this.#deadlines?.stirred();
    });
    upstream.once('close', () => socket.end());
    proxy.ws(message, socket, rest, { target, agent }, (error) =>
      this.#refuse(new UpstreamFailure(`the pod did not answer: ${error.message}`, { unsent: false })),
    );
  }

  #headers(): Record<string, string | string[]> {
    const { head, message } = this.#upgrade;
    const list = withSet(forwardedHeaders(head.headers, head), forPod(this.#destination.headers));
    const headers: Record<string, string | string[]> = {};
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i]!.toLowerCase();
      const value = list[i + 1]!;
      const before = headers[name];
      headers[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    }
    headers['host'] = this.#destination.authority;
    headers['connection'] = 'Upgrade';
    headers['upgrade'] = message.headers.upgrade ?? 'websocket';
    return headers;
  }

  #refuse(error: GatewayError): void {
    if (this.#over) return;
    const { socket } = this.#upgrade;
    if (this.#status === 0) {
      this.#status = error.status;
      refuse(socket, error.status, error.message, error.headers);
    } else socket.destroy();
  }

  #timeOut(): void {
    if (this.#status === 0) this.#refuse(new RequestTimeout());
    else this.#upgrade.socket.destroy();
    this.#admission?.cancel();
    this.#upstream?.destroy();
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadlines?.clear();
    this.#admission?.cancel();
    this.#lease?.release();
    this.#upstream?.destroy();
    if (this.#destination.to !== 'revision') return;
    const { revision } = this.#destination;
    revision.leave();
    this.#options.observer.finished(revision, {
      head: this.#upgrade.head,
      status: this.#status,
      seconds: (performance.now() - this.#started) / 1000,
      responseBytes: 0,
      pod: this.#pod,
    });
  }
}

/** Hands http-proxy the connection that is already open. */
class OneConnection extends Agent {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    super({ keepAlive: false });
    this.#socket = socket;
  }

  override createConnection(): Duplex {
    return this.#socket;
  }
}
