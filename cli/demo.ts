/** `--demo`: the examples hello and events, built, applied, waited for, and what to try with them. */
import { readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { Broker } from '../api/eventing/broker.ts';
import { Trigger } from '../api/eventing/trigger.ts';
import type { DuckStatus, KubeObject } from '../api/object.ts';
import type { ResourceType } from '../api/resource.ts';
import { Service } from '../api/serving/service.ts';
import type { Client } from '../kube/client.ts';
import { conditionOf, isReady } from '../kube/conditions.ts';
import type { ImageStore } from '../local/node/image-store.ts';
import { packageRoot } from './package-root.ts';

const NAMESPACE = 'default';
const FIELD_MANAGER = 'zeroth-demo';
const PATIENCE = 30_000;

export interface DemoOptions {
  readonly client: Client;
  readonly images: ImageStore;
  /** `DOMAIN:PORT` of external URLs. */
  readonly host: string;
  readonly print: (line: string) => void;
}

export async function runDemo({ client, images, host, print }: DemoOptions): Promise<void> {
  const examples = join(packageRoot(), 'examples');
  await Promise.all([
    images.build(join(examples, 'hello'), 'hello'),
    images.build(join(examples, 'events'), 'order-printer'),
  ]);
  const kinds: Record<string, ResourceType> = { Broker, Trigger, Service };
  const files = [join(examples, 'hello', 'service.yaml'), join(examples, 'events', 'flow.yaml')];
  const objects = files
    .flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8')))
    .map((one) => one.toJS() as KubeObject);
  await Promise.all(
    objects.map(async (object) => {
      const type = kinds[object.kind];
      if (type === undefined) return;
      const named = { ...object, metadata: { ...object.metadata, namespace: NAMESPACE } };
      await client.apply(type, named, { fieldManager: FIELD_MANAGER });
      await untilReady(client, type, object.metadata.name, print);
    }),
  );
  const hello = await client.get(Service, NAMESPACE, 'hello');
  print('demo: a service and an event flow are ready; try');
  print(`  curl ${hello.status?.url ?? ''}`);
  print(`  curl -i http://broker-ingress.knative-eventing.${host}/${NAMESPACE}/shop -H 'Ce-Specversion: 1.0' \\`);
  print(`    -H 'Ce-Id: 1' -H 'Ce-Source: /cart' -H 'Ce-Type: com.example.order' -d '{"item":"tea"}'`);
  const zeroth = commandAsTyped();
  print(`  ${zeroth} logs order-printer      # the event arrived`);
  print(`  ${zeroth} status                  # what runs, and what is at zero`);
}

/** How this program was called: by its name on the PATH, else as a file, as `npm start` in a checkout does. */
function commandAsTyped(): string {
  const program = process.argv[1] ?? 'zeroth';
  return basename(program) === 'zeroth' ? 'zeroth' : `node ${relative(process.cwd(), program)}`;
}

/** Watches until the object is Ready; after half a minute says what it waits for and goes on. */
function untilReady(client: Client, type: ResourceType, name: string, print: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    let message = 'no status yet';
    const done = (): void => {
      clearTimeout(late);
      handle.close();
      resolve();
    };
    const late = setTimeout(() => {
      print(`  note: ${type.kind} ${name} is not ready: ${message}`);
      done();
    }, PATIENCE);
    const handle = client.watch(
      type,
      { namespace: NAMESPACE, fieldSelector: `metadata.name=${name}`, sendInitialEvents: true },
      {
        onEvent: (event) => {
          if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return;
          const object: KubeObject & { status?: DuckStatus } = event.object;
          message = conditionOf(object.status, 'Ready')?.message ?? message;
          if (isReady(object)) setImmediate(done);
        },
        onEnd: () => setImmediate(done),
      },
    );
  });
}
