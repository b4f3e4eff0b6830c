/**
 * Keeps the caches small: of every object that arrives, only what the data path reads is kept. With thousands of
 * revisions the difference is tens of megabytes.
 */
import { Secret } from '../../api/core.ts';
import type { KubeObject, ObjectMeta } from '../../api/object.ts';
import { Revision } from '../../api/serving/revision.ts';
import { resourcePath } from '../../api/resource.ts';
import { INGRESS_CLASS_ANNOTATION } from '../../api/networking/ingress.ts';
import type { Transport } from '../../kube/transport.ts';

/** A transport that shortens what is read. Writes pass unchanged. */
export function leanTransport(inner: Transport): Transport {
  return {
    async request(request, signal) {
      const response = await inner.request(request, signal);
      if (request.method !== 'GET' || response.status !== 200 || !isList(response.body)) return response;
      const shorten = shortenFor(request.path);
      return { ...response, body: { ...response.body, items: response.body.items.map(shorten) } };
    },
    watch(request, watcher) {
      const shorten = shortenFor(request.path);
      return inner.watch(request, {
        onEvent: (event) => {
          if (event.type === 'ERROR' || event.type === 'BOOKMARK') watcher.onEvent(event);
          else watcher.onEvent({ type: event.type, object: shorten(event.object) });
        },
        onEnd: (error) => watcher.onEnd(error),
      });
    },
  };
}

function isList(body: unknown): body is { items: KubeObject[] } {
  return typeof body === 'object' && body !== null && 'items' in body && Array.isArray(body.items);
}

function shortenFor(path: string): (object: KubeObject) => KubeObject {
  if (path === resourcePath(Revision)) return shortenRevision;
  return path.endsWith(`/${Secret.plural}`) ? shortenSecret : shortenAny;
}

/** Of a Secret: the key pair. */
function shortenSecret(object: KubeObject): KubeObject {
  const { data } = object as Secret;
  const kept = Object.entries(data ?? {}).filter(([key]) => key === 'tls.crt' || key === 'tls.key');
  const short: Secret = {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: shortenMetadata(object.metadata),
    data: Object.fromEntries(kept),
  };
  return short;
}

function shortenAny<T extends KubeObject>(object: T): T {
  return { ...object, metadata: shortenMetadata(object.metadata) };
}

function shortenMetadata(metadata: ObjectMeta): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, labels } = metadata;
  const ingressClass = metadata.annotations?.[INGRESS_CLASS_ANNOTATION];
  const annotations = ingressClass === undefined ? undefined : { [INGRESS_CLASS_ANNOTATION]: ingressClass };
  return { name, namespace, uid, resourceVersion, generation, creationTimestamp, labels, annotations };
}

/** Of a Revision: limits and port names. Its containers' environment, volumes and status can be large. */
function shortenRevision(object: KubeObject): KubeObject {
  if (!isRevision(object)) return shortenAny(object);
  const { containerConcurrency, timeoutSeconds, responseStartTimeoutSeconds, idleTimeoutSeconds, containers } =
    object.spec;
  const short: Revision = {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: shortenMetadata(object.metadata),
    spec: {
      containerConcurrency,
      timeoutSeconds,
      responseStartTimeoutSeconds,
      idleTimeoutSeconds,
      containers: containers.map(({ name, ports }) => ({ name, ports })),
    },
  };
  return short;
}

function isRevision(object: KubeObject): object is Revision {
  return 'spec' in object && typeof object.spec === 'object' && object.spec !== null && 'containers' in object.spec;
}
