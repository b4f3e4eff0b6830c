/** Ingress, log and dispatch in this process, without an API server: Brokers and Triggers are declared by the test. */
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import type { DeliverySpec } from '../../../api/eventing/destination.ts';
import { Brokers, type BrokersOptions } from '../../../eventing/broker/brokers.ts';
import type { Delivery } from '../../../eventing/broker/dispatch.ts';
import { createIngress, type Ingress, type IngressLimits } from '../../../eventing/broker/ingress.ts';
import { nodeFiles } from '../../../eventing/broker/log/file/files.ts';
import { createMetrics } from '../../../eventing/broker/metrics.ts';
import { createSender, type SenderOptions } from '../../../eventing/broker/send.ts';
import { deliveryPolicy } from '../../../eventing/trigger/delivery.ts';
import { systemClock } from '../../../kube/clock.ts';
import { silentLogger } from '../../../kube/log.ts';
import { newFolder } from './log/open-log.ts';

export const BROKER = { namespace: 'ns', name: 'default', uid: 'uid-1' };

export interface BrokerInProcess {
  readonly folder: string;
  readonly brokers: Brokers;
  readonly ingress: Ingress;
  readonly registry: Registry;
  /** Of the broker `ns/default`. */
  readonly url: string;
  readonly origin: string;
  stop(): Promise<void>;
}

export interface InProcessOptions {
  readonly folder?: string;
  /** False leaves Brokers that are not open unknown rather than absent. */
  readonly synced?: boolean;
  readonly limits?: Partial<IngressLimits>;
  readonly sender?: Partial<SenderOptions>;
  readonly brokers?: Partial<BrokersOptions>;
}

export async function startBroker(options: InProcessOptions = {}): Promise<BrokerInProcess> {
  const folder = options.folder ?? newFolder();
  const registry = new Registry();
  const sender = createSender({
    gateway: undefined,
    clusterDomain: 'cluster.local',
    maxResponse: 1024 * 1024,
    ...options.sender,
  });
  const metrics = createMetrics(registry, {
    inFlightBytes: () => ingress.inFlightBytes(),
    logs: () => brokers.size,
    logBytes: () => brokers.logBytes,
    owed: () => brokers.owed,
  });
  const shared = { metrics, clock: systemClock, log: silentLogger };
  const brokers = new Brokers({ folder, files: nodeFiles, sender, ...shared, ...options.brokers });
  const ingress = createIngress({
    accept: (ns, name, events) => brokers.accept(ns, name, events),
    knows: (namespace, name) => brokers.knows(namespace, name),
    ...shared,
    limits: options.limits,
  });
  await brokers.open(BROKER);
  if (options.synced !== false) brokers.markSynced();
  await new Promise<void>((resolve) => ingress.server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(ingress.server.address() as AddressInfo).port}`;
  return {
    folder,
    brokers,
    ingress,
    registry,
    origin,
    url: `${origin}/ns/default`,
    async stop() {
      ingress.server.closeAllConnections();
      await Promise.all([ingress.drain(), brokers.close()]);
      sender.close();
    },
  };
}

export function delivery(
  subscriber: string,
  spec: DeliverySpec = {},
  more: { deadLetter?: string; filter?: Delivery['filter']; replyUrl?: string } = {},
): Delivery {
  return {
    filter: more.filter ?? (() => true),
    policy: deliveryPolicy(spec),
    subscriber: { url: new URL(subscriber) },
    deadLetter: more.deadLetter === undefined ? undefined : { url: new URL(more.deadLetter) },
    replyUrl: more.replyUrl ?? 'http://broker/ns/default',
  };
}

/** Posts a binary event; returns the status. */
export async function post(url: string, id: string, extra: Record<string, string> = {}, body = '{}'): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-source': '/test',
      'ce-type': 'test',
      'content-type': 'application/json',
      ...extra,
    },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}
