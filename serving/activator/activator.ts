/** The parts of the data path put together: what the informers say flows into tables, requests flow through them. */
import { Registry } from 'prom-client';
import { ConfigMap, EndpointSlice, Service, type Secret } from '../../api/core.ts';
import { Ingress } from '../../api/networking/ingress.ts';
import { Revision } from '../../api/serving/revision.ts';
import { Client } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { Informer, keyOf, splitKey } from '../../kube/informer.ts';
import { Informers } from '../../kube/informers.ts';
import type { Logger } from '../../kube/log.ts';
import { SERVING_NAMESPACE } from '../../api/zeroth.ts';
import type { Transport } from '../../kube/transport.ts';
import { Admin } from './admin.ts';
import { CertificateSecrets } from './certificate-secrets.ts';
import { CertificateTable } from './certificates.ts';
import { Backends, revisionKey, type Address } from './backends.ts';
import { Dispatcher, type RequestObserver } from './dispatch.ts';
import type { RequestHead } from './exchange.ts';
import { Gateway } from './gateway.ts';
import { isLoopback, normalizeHost } from './host-name.ts';
import { ingressHash } from './ingress-hash.ts';
import { IngressStatusWriter, isOurs } from './ingress-status.ts';
import { LazyUpstream } from './lazy-upstream.ts';
import { leanTransport } from './lean.ts';
import { ActivatorMetrics } from './metrics.ts';
import { RequestLog } from './request-log.ts';
import { Reporter } from './reports.ts';
import { Resolver, type Audience, type ServicePort } from './resolve.ts';
import { Revisions } from './revisions.ts';
import type { ListenAddress, Settings } from './settings.ts';
import type { CertificateFor } from './tls.ts';
import { RoutingTable } from './table.ts';
import { Http1Upstream } from './upstream-http1.ts';
import { Upgrader } from './upgrade.ts';

export interface ActivatorOptions {
  readonly settings: Settings;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes a line of the request log; false when it could not. */
  readonly writeLine: (line: string) => boolean;
}

/** `HOST:PORT` of each listener there is. */
export interface Addresses {
  readonly external?: string;
  readonly internal?: string;
  readonly externalTls?: string;
  readonly internalTls?: string;
  readonly admin: string;
}

/** How a Service says that its port speaks HTTP/2 without TLS: by appProtocol, else by name. */
const H2C_PROTOCOL = 'kubernetes.io/h2c';
const H2C_NAME = /^(h2c|http2)(-|$)/;

const POD_IDLE_CONNECTIONS = 256;
const POD_IDLE_MS = 4000;
const POD_MAX_HEADER = 256 * 1024;
/** ms that upgraded connections may outlive the start of a drain. */
const UPGRADED_DRAIN_MS = 5000;
/** ms that handshakes wait, at a start, for Secrets that are watched by name. */
const LATEST_HANDSHAKES_MS = 3000;
const DRAIN_POLL_MS = 20;

export class Activator {
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #informers: Informers;
  readonly #client: Client;
  readonly #log: Logger;
  readonly #table = new RoutingTable();
  readonly #certificates = new CertificateTable();
  readonly #secrets: CertificateSecrets;
  readonly #backends: Backends;
  readonly #revisions: Revisions;
  readonly #reporter: Reporter;
  readonly #requestLog: RequestLog;
  readonly #observability: Informer<ConfigMap>;
  readonly #dispatcher: Dispatcher;
  readonly #upgrader: Upgrader;
  readonly #http1: Http1Upstream;
  readonly #http2: LazyUpstream;
  readonly #admin: Admin;
  readonly #gateways: Gateway[] = [];
  readonly #own = new Set<string>();
  #status: IngressStatusWriter | undefined;
  #httpsPort: number | undefined;
  #certificatesKnown: () => void = () => undefined;
  #handshakesWait: Promise<void> | undefined = new Promise((resolve) => (this.#certificatesKnown = resolve));
  #synced = false;
  #draining = false;

  constructor(options: ActivatorOptions) {
    const { settings, clock, log } = options;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#client = new Client(leanTransport(options.transport));
    this.#informers = new Informers(this.#client, log);
    this.#secrets = new CertificateSecrets({
      client: this.#client,
      log,
      changed: (key, secret) => this.#takeSecret(key, secret),
    });
    this.#reporter = new Reporter({ url: settings.autoscalerUrl, activator: settings.activatorId, clock, log });
    this.#backends = new Backends((owner) => this.#backendsChanged(owner));

    this.#requestLog = new RequestLog({ log, write: options.writeLine });
    this.#observability = new Informer(this.#client, ConfigMap, log, {
      namespace: SERVING_NAMESPACE,
      fieldSelector: 'metadata.name=config-observability',
    });
    const registry = new Registry();
    const metrics = new ActivatorMetrics(registry, {
      revisions: () => this.#revisions,
      reporter: this.#reporter,
      connections: () => this.#gateways.reduce((sum, gateway) => sum + gateway.connections, 0),
    });
    this.#revisions = new Revisions({
      clock,
      queueLimit: settings.queueLimit,
      budget: { limit: settings.queueTotal, used: 0 },
      reporter: this.#reporter,
      find: (namespace, name) => this.#informers.of(Revision).get(namespace, name),
      addressesOf: (namespace, name) => this.#backends.addressesOf(revisionKey(namespace, name)),
      coldStarted: (revision, seconds) => metrics.coldStarted(revision, seconds),
      removed: (revision) => metrics.removed(revision),
      dropped: (address) => {
        this.#http1.forget(address);
        this.#http2.forget(address);
      },
    });
    const observer: RequestObserver = {
      finished: (revision, request) => {
        metrics.finished(revision, request);
        this.#requestLog.finished(revision.labels, request);
      },
    };
    const resolver = new Resolver({
      table: this.#table,
      revisions: this.#revisions,
      backends: this.#backends,
      clusterDomain: settings.clusterDomain,
      portOf: (namespace, service, port) => this.#portOf(namespace, service, port),
      isOwn: ({ host, port }) => this.#own.has(`${host}:${port}`),
      httpsPort: () => this.#httpsPort,
    });
    this.#http1 = new Http1Upstream({
      idleConnections: POD_IDLE_CONNECTIONS,
      idleTimeout: POD_IDLE_MS,
      connectTimeout: settings.connectTimeout,
      maxHeaderSize: POD_MAX_HEADER,
    });
    this.#http2 = new LazyUpstream(async () => {
      const { Http2Upstream } = await import('./upstream-http2.ts');
      return new Http2Upstream({ connectTimeout: settings.connectTimeout, idleTimeout: 60_000 });
    });
    this.#dispatcher = new Dispatcher({
      resolver,
      http1: this.#http1,
      http2: this.#http2,
      clock,
      log,
      observer,
      hashOf: (head, audience) => this.#hashOf(head, audience),
    });
    const { connectTimeout } = settings;
    this.#upgrader = new Upgrader({ resolver, clock, log, observer, connectTimeout });
    this.#admin = new Admin({ registry, revisions: this.#revisions, missing: () => this.#missing() });
  }

  /** Binds the listeners. Requests that come before the caches are filled wait for them. */
  async listen(): Promise<Addresses> {
    const { external, internal, externalTls, internalTls, admin, httpsPort } = this.#settings;
    const open = async (address: ListenAddress, audience: Audience, tls?: CertificateFor): Promise<Address> => {
      const gateway = new Gateway(
        this.#settings,
        {
          request: (exchange) => this.#dispatcher.handle(exchange, audience),
          upgrade: (upgrade) => this.#upgrader.handle(upgrade, audience),
        },
        tls,
      );
      this.#gateways.push(gateway);
      const bound = await gateway.listen(address);
      this.#own.add(textOf(bound));
      return bound;
    };
    // Who comes before the Secrets are read waits; a refusal would be wrong.
    const tls: CertificateFor = (serverName) =>
      this.#handshakesWait === undefined
        ? this.#certificates.contextFor(serverName)
        : this.#handshakesWait.then(() => this.#certificates.contextFor(serverName));
    const fromInside: Audience = { scope: 'cluster', trusted: true };
    const bound: { -readonly [name in keyof Addresses]?: string } = {};
    if (external !== undefined) bound.external = textOf(await open(external, fromOutside(external)));
    if (internal !== undefined) bound.internal = textOf(await open(internal, fromInside));
    if (externalTls !== undefined) {
      const address = await open(externalTls, fromOutside(externalTls), tls);
      this.#httpsPort = httpsPort ?? address.port;
      bound.externalTls = textOf(address);
    }
    if (internalTls !== undefined) bound.internalTls = textOf(await open(internalTls, fromInside, tls));
    return { ...bound, admin: textOf(await this.#admin.listen(admin)) };
  }

  /** Resolves once the caches are filled and requests are being served. */
  async start(): Promise<void> {
    this.#reporter.start();
    const ingresses = this.#informers.of(Ingress);
    const revisions = this.#informers.of(Revision);
    const slices = this.#informers.of(EndpointSlice);
    const services = this.#informers.of(Service);
    this.#observability.onChange((_, current) => this.#requestLog.configure(current?.data ?? {}));
    this.#observability.start();
    this.#status = new IngressStatusWriter({
      client: this.#client,
      ingresses,
      table: this.#table,
      certificates: this.#certificates,
      gatewayDomain: this.#settings.gatewayDomain,
      clock: this.#clock,
      log: this.#log,
    });
    await Promise.all([ingresses.synced, revisions.synced, slices.synced, services.synced, this.#secrets.start()]);
    slices.onChange((previous, current) => this.#backends.take(previous, current));
    revisions.onChange((previous, current) => this.#revisions.take(previous, current));
    ingresses.onChange((previous, current) => this.#takeIngress(previous, current));
    void this.#openHandshakes();
    this.#synced = true;
    this.#dispatcher.ready();
    this.#upgrader.ready();
  }

  /** One Secret that cannot be read must not hold up the others' handshakes for ever. */
  async #openHandshakes(): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => (cancel = this.#clock.after(LATEST_HANDSHAKES_MS, resolve)));
    await Promise.race([this.#secrets.settled(), late]);
    cancel();
    this.#handshakesWait = undefined;
    this.#certificatesKnown();
  }

  /** Stops taking connections, lets requests finish within the bound, then closes everything. */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const started = this.#clock.now();
    await Promise.all(this.#gateways.map((gateway) => gateway.drain()));
    const { drainTimeout } = this.#settings;
    const isOver = (): boolean => {
      const elapsed = this.#clock.now() - started;
      if (elapsed >= drainTimeout) return true;
      return this.#dispatcher.open === 0 && (this.#upgrader.open === 0 || elapsed >= UPGRADED_DRAIN_MS);
    };
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (isOver()) resolve();
        else this.#clock.after(DRAIN_POLL_MS, look);
      };
      look();
    });
    const left = this.#dispatcher.open;
    if (left > 0) this.#log.warn('requests cut off at the end of the drain', { requests: left });
    for (const gateway of this.#gateways) gateway.close();
    this.#reporter.report();
    this.#reporter.close();
    this.#informers.stop();
    this.#secrets.stop();
    this.#observability.stop();
    await this.#status?.stop();
    this.#http1.close();
    this.#http2.close();
    this.#admin.close();
  }

  #missing(): string[] {
    const missing = [];
    if (!this.#synced) missing.push('caches not filled');
    if (this.#draining) missing.push('draining');
    if (this.#settings.autoscalerUrl !== undefined && !this.#reporter.connected) missing.push('autoscaler not reached');
    return missing;
  }

  #takeIngress(previous: Ingress | undefined, current: Ingress | undefined): void {
    const ingress = current ?? previous;
    if (ingress === undefined) return;
    const key = keyOf(ingress.metadata.namespace, ingress.metadata.name);
    if (current === undefined || !isOurs(current)) {
      this.#table.delete(key);
      this.#withSecrets(key, () => this.#certificates.deleteIngress(key));
      return;
    }
    // A status write of our own changes no rule.
    const served = this.#table.generationOf(key);
    if (
      served === undefined ||
      served !== current.metadata.generation ||
      previous?.metadata.uid !== current.metadata.uid
    ) {
      this.#table.set(key, current);
      this.#withSecrets(key, () => this.#certificates.setIngress(key, current));
    }
    this.#status?.publish(key);
  }

  /** A change to what an Ingress names: Secrets that come into use are looked for, those out of use let go of. */
  #withSecrets(key: string, change: () => void): void {
    const before = this.#certificates.secretsOf(key);
    change();
    for (const secret of this.#certificates.secretsOf(key)) {
      if (before.includes(secret)) continue;
      const known = this.#secrets.need(secret);
      if (known !== undefined) this.#certificates.setSecret(secret, known);
    }
    for (const secret of before) if (!this.#certificates.isNeeded(secret)) this.#secrets.release(secret);
  }

  #takeSecret(key: string, secret: Secret | undefined): void {
    if (!this.#certificates.isNeeded(key)) return;
    // One that lost its label is gone from that watch only.
    const current = secret ?? this.#secrets.need(key);
    this.#certificates.setSecret(key, current);
    for (const ingress of this.#certificates.usersOf(key)) this.#status?.publish(ingress);
  }

  #backendsChanged(owner: string): void {
    const match = /^revision:([^/]*)\/(.*)$/.exec(owner);
    if (match !== null) this.#revisions.podsChanged(match[1] ?? '', match[2] ?? '');
  }

  #portOf(namespace: string, name: string, port: number | string): ServicePort | undefined {
    const ports = this.#informers.of(Service).get(namespace, name)?.spec?.ports ?? [];
    const found = ports.find((one) => one.port === port || one.name === port) ?? ports.find((one) => one.port === 80);
    if (found === undefined) return undefined;
    const { name: portName = '', appProtocol } = found;
    return {
      name: portName,
      h2c: appProtocol === H2C_PROTOCOL || (appProtocol === undefined && H2C_NAME.test(portName)),
    };
  }

  #hashOf(head: RequestHead, { scope }: Audience): string | undefined {
    const owner = this.#table.ownerOf(normalizeHost(head.authority) ?? '', scope);
    if (owner === undefined) return undefined;
    const { namespace, name } = splitKey(owner);
    const ingress = this.#informers.of(Ingress).get(namespace, name);
    return ingress === undefined ? undefined : ingressHash(ingress);
  }
}

/** On loopback only this machine can ask: it may use the names of Services there too. */
function fromOutside(address: ListenAddress): Audience {
  return { scope: 'external', serviceNames: isLoopback(address.host), trusted: false };
}

function textOf({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
