// Ten thousand events through broker and triggers, with the broker killed in the middle.
import { createServer, Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { eventually, Instance } from './instance.ts';
import { kubectlMissing } from '../kubectl.ts';

const EVENTS = 10_000;
const PRODUCERS = 32;
const HOST = 'broker-ingress.knative-eventing.svc.cluster.local';

t.test(
  'every acknowledged event is delivered, though the broker is killed; failures reach the dead letter sink',
  { skip: await kubectlMissing() },
  async (t) => {
    const zeroth = await Instance.start();
    t.teardown(() => zeroth.remove());
    const delivered = await subscriber(t, 202);
    const refusing = await subscriber(t, 500);
    const deadLetters = await subscriber(t, 202);
    await zeroth.ok(
      ['apply', '-f', '-'],
      `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: load }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: all }
spec:
  broker: load
  subscriber: { uri: "${delivered.url}" }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: refused }
spec:
  broker: load
  filter: { attributes: { type: com.example.refused } }
  subscriber: { uri: "${refusing.url}" }
  delivery:
    retry: 1
    backoffPolicy: linear
    backoffDelay: PT0.01S
    deadLetterSink: { uri: "${deadLetters.url}" }
`,
    );
    await zeroth.ok([
      'wait',
      'broker/load',
      'trigger/all',
      'trigger/refused',
      '--for=condition=Ready',
      '--timeout=30s',
    ]);

    const acknowledged = new Set<string>();
    const refusable = new Set<string>();
    const agent = new Agent({ keepAlive: true, maxSockets: PRODUCERS });
    let next = 0;
    let killed = false;
    const produce = async (): Promise<void> => {
      while (next < EVENTS) {
        const number = next++;
        if (number === EVENTS / 2) {
          killed = true;
          process.kill(zeroth.pidOf('broker'), 'SIGKILL');
        }
        const type = number % 100 === 0 ? 'com.example.refused' : 'com.example.load';
        // A producer repeats what was not acknowledged, as any would.
        while ((await post(agent, zeroth.httpPort, `e-${number}`, type)) !== 202)
          await new Promise((resolve) => setTimeout(resolve, 20));
        acknowledged.add(`e-${number}`);
        if (type === 'com.example.refused') refusable.add(`e-${number}`);
      }
    };
    await Promise.all(Array.from({ length: PRODUCERS }, produce));
    agent.destroy();
    t.ok(killed, 'the broker was killed in the middle');
    t.equal(acknowledged.size, EVENTS);

    await eventually('every acknowledged event arrived', () => delivered.ids.size >= EVENTS, 120_000);
    t.same(
      [...acknowledged].filter((id) => !delivered.ids.has(id)),
      [],
      'none is missing',
    );
    await eventually('every refused event was dead-lettered', () => deadLetters.ids.size >= refusable.size, 120_000);
    t.same(
      [...refusable].filter((id) => !deadLetters.ids.has(id)),
      [],
      'no dead letter is missing',
    );
    t.ok(
      [...deadLetters.ids].every((id) => refusable.has(id)),
      'nothing else was dead-lettered',
    );
    t.match(
      deadLetters.last,
      { 'ce-knativeerrorcode': '500', 'ce-knativeerrordest': refusing.url },
      'a dead letter says why',
    );
  },
);

interface Subscriber {
  readonly url: string;
  readonly ids: Set<string>;
  last: Record<string, unknown>;
}

function subscriber(t: Tap, status: number): Promise<Subscriber> {
  const seen: Subscriber = { url: '', ids: new Set(), last: {} };
  const server = createServer((incoming, response) => {
    const id = incoming.headers['ce-id'];
    if (typeof id === 'string') seen.ids.add(id);
    seen.last = { ...incoming.headers };
    incoming.resume().on('end', () => response.writeHead(status).end());
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve(Object.assign(seen, { url: `http://127.0.0.1:${port}/` }));
    });
  });
}

interface Tap {
  teardown(done: () => unknown): void;
}

/** The status, or 0 when the connection broke. */
function post(agent: Agent, port: number, id: string, type: string): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/default/load',
        headers: {
          Host: HOST,
          'Content-Type': 'application/json',
          'ce-specversion': '1.0',
          'ce-id': id,
          'ce-source': '/test',
          'ce-type': type,
        },
      },
      (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)),
    );
    outgoing.on('error', () => resolve(0));
    outgoing.end(JSON.stringify({ id, padding: 'x'.repeat(200) }));
  });
}
