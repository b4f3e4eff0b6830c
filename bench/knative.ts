/** An instance to measure, with a client and the manifests that the measurements share. */
import { Client } from '../kube/client.ts';
import { isReady } from '../kube/conditions.ts';
import { HttpTransport } from '../kube/http-transport.ts';
import { ConfigMap } from '../api/core.ts';
import type { KubeObject } from '../api/object.ts';
import type { ResourceType } from '../api/resource.ts';
import { Service } from '../api/serving/service.ts';
import { Instance } from '../test/e2e/instance.ts';

export interface Bench {
  readonly instance: Instance;
  readonly client: Client;
  readonly transport: HttpTransport;
  close(): Promise<void>;
}

export function connectTo(instance: Instance): Bench {
  const { tokenFile, caFile } = instance.run;
  const transport = new HttpTransport({ url: instance.api, tokenFile, caFile });
  return {
    instance,
    client: new Client(transport),
    transport,
    async close() {
      transport.close();
      await instance.remove();
    },
  };
}

export async function startBench(): Promise<Bench> {
  const bench = connectTo(await Instance.start());
  await bench.client.patch(ConfigMap, 'knative-serving', 'config-autoscaler', {
    data: { 'allow-zero-initial-scale': 'true' },
  });
  await bench.instance.zeroth(['build', 'examples/hello', '-t', 'hello']);
  return bench;
}

export function helloService(name: string, annotations: Record<string, string> = {}): Service {
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: {
      template: { metadata: { annotations }, spec: { containers: [{ name: 'user-container', image: 'hello' }] } },
    },
  };
}

/** A Service without a pod: ready at once, started by its first request. */
export const atZero = (name: string): Service => helloService(name, { 'autoscaling.knative.dev/initial-scale': '0' });

/** Creates it and resolves with the milliseconds until a watch says that it is ready. */
export async function createUntilReady(client: Client, service: Service): Promise<number> {
  const began = performance.now();
  const created = await client.create(Service, service);
  await untilReady(client, Service, created);
  return performance.now() - began;
}

/**
 * Resolves with the object once it is ready in this generation or a later one.
 * @param written as a write returned it: the watch begins there
 */
export function untilReady<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  written: T,
  patience = 30_000,
): Promise<T> {
  if (isReady(written)) return Promise.resolve(written);
  const { name, namespace, resourceVersion } = written.metadata;
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      end();
      reject(new Error(`${type.kind} ${name} is not ready after ${patience / 1000} s`));
    }, patience);
    const handle = client.watch(
      type,
      { namespace, fieldSelector: `metadata.name=${name}`, resourceVersion },
      {
        onEvent: (event) => {
          if (event.type !== 'MODIFIED' || !isReady(event.object)) return;
          end();
          resolve(event.object as T);
        },
        onEnd: (error) => {
          end();
          reject(error ?? new Error('the watch ended'));
        },
      },
    );
    function end(): void {
      clearTimeout(late);
      handle.close();
    }
  });
}
