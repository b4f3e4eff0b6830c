/** Events a second from POST to 202, each on disk by then: 64 producers, 1 KB, straight at the broker's ingress. */
import { connect } from 'node:net';
import { Broker } from '../api/eventing/broker.ts';
import { EndpointSlice } from '../api/core.ts';
import { startBench, type Bench } from './knative.ts';
import { percentile, type Figure } from './figure.ts';
import { cpuOf, processTree } from './process-tree.ts';

const PRODUCERS = 64;
const SECONDS = 5;

export async function broker(): Promise<Figure[]> {
  const bench = await startBench();
  try {
    await bench.client.create(Broker, {
      apiVersion: 'eventing.knative.dev/v1',
      kind: 'Broker',
      metadata: { name: 'load', namespace: 'default' },
      spec: {},
    });
    const [host, port] = await ingressOf(bench);
    await produce(host, port, 1);
    const pid = bench.instance.pidOf('broker');
    const before = cpuOf(processTree(pid));
    const latencies = await produce(host, port, SECONDS);
    const cpu = cpuOf(processTree(pid)) - before;
    const rate = latencies.length / SECONDS;
    const note = `p50 ${percentile(latencies, 50).toFixed(1)} ms, p99 ${percentile(latencies, 99).toFixed(1)} ms, ${((cpu / latencies.length) * 1e6).toFixed(0)} µs of processor an event`;
    return [
      { name: 'broker, POST → 202 on disk', value: rate, unit: 'events/s', target: 3_000, better: 'more', note },
      {
        name: 'broker, on one core',
        value: latencies.length / cpu,
        unit: 'events/s',
        target: 3_000,
        better: 'more',
        note: 'events per second of processor',
      },
    ];
  } finally {
    await bench.close();
  }
}

async function ingressOf(bench: Bench): Promise<[host: string, port: number]> {
  const slice = await bench.client.get(EndpointSlice, 'knative-eventing', 'broker-ingress');
  return [slice.endpoints[0]?.addresses[0] ?? '', slice.ports?.[0]?.port ?? 0];
}

/** Latencies in ms of all acknowledged events. Throws for any other answer. */
async function produce(host: string, port: number, seconds: number): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + seconds * 1000;
  const body = JSON.stringify({ padding: 'x'.repeat(1_000) });
  let number = 0;
  await Promise.all(
    Array.from(
      { length: PRODUCERS },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(port, host).setNoDelay(true);
          let sent = 0;
          const send = (): void => {
            if (performance.now() > end) {
              socket.destroy();
              resolve();
              return;
            }
            sent = performance.now();
            socket.write(
              `POST /default/load HTTP/1.1\r\nHost: broker-ingress\r\nContent-Type: application/json\r\nce-specversion: 1.0\r\nce-id: b-${process.pid}-${number++}\r\nce-source: /bench\r\nce-type: com.example.bench\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
            );
          };
          socket.on('connect', send);
          socket.on('error', reject);
          socket.on('data', (chunk) => {
            const status = chunk.toString('latin1', 9, 12);
            if (status === '404' && latencies.length === 0) return void setTimeout(send, 20);
            if (status !== '202') return reject(new Error(chunk.toString('latin1')));
            latencies.push(performance.now() - sent);
            send();
          });
        }),
    ),
  );
  return latencies;
}
