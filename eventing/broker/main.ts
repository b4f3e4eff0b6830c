/**
 * The broker process: producers POST events, they are on disk before the 202, and every Trigger gets those it asks for.
 *
 * In: events over HTTP (ingress.ts), Brokers and Triggers over the Kubernetes API (watch.ts).
 * Out: deliveries to subscribers and dead letter sinks (dispatch.ts), metrics (admin.ts), two status annotations.
 * Never: acknowledges an event that is not durable, moves a cursor ahead of a delivery, writes outside BROKER_DATA_DIR.
 *
 * Configured by environment (configuration.ts). With an IPC channel it reports `listening`, `ready` and `failed`, and
 * drains when the channel closes, as it does on SIGTERM and SIGINT.
 */
import { mkdir } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { Client } from '../../kube/client.ts';
import { systemClock } from '../../kube/clock.ts';
import { transportFromEnvironment } from '../../kube/http-transport.ts';
import { Informers } from '../../kube/informers.ts';
import { createLogger } from '../../kube/log.ts';
import { createAdmin } from './admin.ts';
import { Brokers } from './brokers.ts';
import { readConfiguration, type HostPort } from './configuration.ts';
import { errnoOf } from './errors.ts';
import { createIngress, INGRESS_LIMITS } from './ingress.ts';
import { lockFolder } from './log/file/lock.ts';
import { nodeFiles } from './log/file/files.ts';
import { createMetrics } from './metrics.ts';
import { createSender } from './send.ts';
import { watchBrokers } from './watch.ts';
import { messageOf } from '../../kube/message.ts';

async function main(): Promise<void> {
  const config = readConfiguration(process.env);
  const clock = systemClock;
  const log = createLogger(config.logLevel, { process: 'broker' });
  await mkdir(config.dataDir, { recursive: true });
  const lock = await lockFolder(config.dataDir);

  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = createMetrics(registry, {
    inFlightBytes: () => ingress.inFlightBytes(),
    logs: () => brokers.size,
    logBytes: () => brokers.logBytes,
    owed: () => brokers.owed,
  });
  const sender = createSender({
    gateway: config.gateway,
    clusterDomain: config.clusterDomain,
    maxResponse: INGRESS_LIMITS.body,
  });
  const brokers = new Brokers({ folder: config.dataDir, files: nodeFiles, sender, metrics, clock, log });
  const ingress = createIngress({
    accept: (namespace, name, events) => brokers.accept(namespace, name, events),
    knows: (namespace, name) => brokers.knows(namespace, name),
    metrics,
    clock,
    log,
  });
  let ready = false;
  const admin = createAdmin(
    registry,
    () => ready,
    () => ({ triggers: brokers.triggers }),
  );
  const addresses = { ingress: await listen(ingress.server, config.listen), admin: await listen(admin, config.admin) };
  report({ type: 'listening', addresses });

  const transport = transportFromEnvironment(process.env, 'zeroth-broker');
  const client = new Client(transport);
  const informers = new Informers(client, log);
  const watching = watchBrokers({ client, informers, brokers, log });

  let stopping = false;
  const stop = async (why: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    ready = false;
    log.info('draining', { why });
    informers.stop();
    await watching.stop();
    await Promise.all([ingress.drain(), brokers.close()]);
    sender.close();
    transport.close();
    admin.close();
    await lock.release();
    process.exit(0);
  };
  const end = (why: string): void => void stop(why).catch(fail);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal));
  process.on('disconnect', () => end('parent gone'));
  if (process.send !== undefined && !process.connected) end('parent gone');

  await watching.synced;
  ready = true;
  report({ type: 'ready' });
  log.info('serving', { ...addresses, brokers: brokers.size });
}

function listen(server: Server, address: HostPort): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      const { address: host, port } = server.address() as AddressInfo;
      resolve(`${host.includes(':') ? `[${host}]` : host}:${port}`);
    });
  });
}

function report(message: Readonly<Record<string, unknown>>): void {
  if (process.connected) process.send?.(message);
}

function fail(error: unknown): void {
  const message = messageOf(error);
  const reason = errnoOf(error) ?? 'Failed';
  process.stderr.write(JSON.stringify({ time: new Date().toISOString(), level: 'error', message, reason }) + '\n');
  const exit = (): never => process.exit(2);
  if (!process.connected || process.send === undefined) return exit();
  process.send({ type: 'failed', reason, message }, exit);
}

void main().catch(fail);
