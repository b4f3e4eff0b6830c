/**
 * One pass of a reconciler over objects that stand in a table: real caches and client, over a transport that lists
 * what is given and writes down what is asked of it.
 */
import { AcmeChallenge, CertManagerCertificate, ClusterIssuer } from '../../../api/cert-manager.ts';
import {
  ConfigMap,
  Deployment,
  Endpoints,
  EndpointSlice,
  Namespace,
  Pod,
  Service as KubeService,
} from '../../../api/core.ts';
import { Image } from '../../../api/caching.ts';
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { Certificate, ClusterDomainClaim } from '../../../api/networking/certificate.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import { ServerlessService } from '../../../api/networking/serverless-service.ts';
import type { KubeObject } from '../../../api/object.ts';
import { apiVersionOf, resourcePath, type ResourceType } from '../../../api/resource.ts';
import { Configuration } from '../../../api/serving/configuration.ts';
import { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service } from '../../../api/serving/service.ts';
import { Client } from '../../../kube/client.ts';
import type { Clock } from '../../../kube/clock.ts';
import { createWorld } from '../../../kube/controller.ts';
import { failure } from '../../../kube/errors.ts';
import { Informers } from '../../../kube/informers.ts';
import { silentLogger } from '../../../kube/log.ts';
import type { Reconciler } from '../../../kube/reconciler.ts';
import type { ApiRequest, ApiResponse, Transport } from '../../../kube/transport.ts';
import { ConfigStore } from '../../../serving/controller/config/store.ts';

const TYPES: readonly ResourceType<never>[] = [
  Service,
  Configuration,
  Revision,
  Route,
  DomainMapping,
  PodAutoscaler,
  Image,
  Ingress,
  Certificate,
  ClusterDomainClaim,
  ServerlessService,
  Deployment,
  Pod,
  KubeService,
  Endpoints,
  EndpointSlice,
  ConfigMap,
  Namespace,
  CertManagerCertificate,
  ClusterIssuer,
  AcmeChallenge,
] as unknown as readonly ResourceType<never>[];

export const NOW = Date.parse('2026-11-24T12:00:00Z');
export const NOW_TEXT = '2026-11-24T12:00:00Z';

export interface Pass {
  /** `VERB Kind name`, with the body of creates, updates and patches. */
  readonly writes: readonly { readonly verb: string; readonly object?: unknown }[];
  /** `Type Reason: message` of each event. */
  readonly events: readonly string[];
  readonly status: unknown;
  readonly again: number | undefined;
  /** What the loop would make an Event of, and try again with back-off. */
  readonly failure: string | undefined;
}

export interface Setting {
  readonly others?: readonly KubeObject[];
  /** Stored, but the caches have not heard of them. */
  readonly unseen?: readonly KubeObject[];
  /** Data of ConfigMaps by name. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** API groups that the cluster does not have. */
  readonly absent?: readonly string[];
  /** Refuses a write with this message: `VERB Kind name` → message. */
  readonly refuse?: Readonly<Record<string, string>>;
}

/** @param make gets the ConfigMaps as the controllers read them */
export async function passOver<T extends KubeObject & { status?: unknown }>(
  make: (config: ConfigStore) => Reconciler<T>,
  object: T,
  setting: Setting = {},
): Promise<Pass> {
  const maps = Object.entries(setting.config ?? {}).map(([name, data]) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'knative-serving' },
    data,
  }));
  const objects: KubeObject[] = [object, ...(setting.others ?? []), ...maps];
  const writes: { verb: string; object?: unknown }[] = [];
  const events: string[] = [];
  const client = new Client(script(objects, setting, writes, events));
  const informers = new Informers(client, silentLogger);
  for (const type of TYPES) if (!setting.absent?.includes(type.group)) informers.of(type);
  await informers.synced();
  const clock: Clock = { now: () => NOW, after: () => () => undefined };
  const config = new ConfigStore(informers.of(ConfigMap), 'knative-serving', silentLogger);
  const reconciler = make(config);
  const world = createWorld(reconciler.name, {
    client,
    informers,
    log: silentLogger,
    systemNamespace: 'knative-serving',
    clock,
  });
  try {
    const goes = object.metadata.deletionTimestamp !== undefined;
    if (goes) await reconciler.finalizer?.run(object, world);
    const outcome = (goes ? undefined : await reconciler.reconcile(object, world)) ?? {};
    const { status, again, failure: why } = outcome;
    return { writes, events, status, again, failure: why instanceof Error ? why.message : undefined };
  } finally {
    informers.stop();
  }
}

function script(
  objects: readonly KubeObject[],
  { unseen = [], refuse = {}, absent = [] }: Setting,
  writes: { verb: string; object?: unknown }[],
  events: string[],
): Transport {
  const typeOf = (path: string) =>
    TYPES.find((type) => {
      const plain = resourcePath(type);
      const group = plain.slice(0, plain.lastIndexOf('/'));
      return path.startsWith(`${group}/`) && path.split('/').includes(type.plural);
    });
  return {
    request(request: ApiRequest): Promise<ApiResponse> {
      const { method, path, body } = request;
      if (path.endsWith('/events')) {
        const { type, reason, message } = body as { type: string; reason: string; message: string };
        events.push(`${type} ${reason}: ${message}`);
        return answer(201, body);
      }
      const type = typeOf(path);
      if (type === undefined || absent.includes(type.group)) return answer(404, failure(404, 'NotFound', `no ${path}`));
      const of = (one: KubeObject) => one.apiVersion === apiVersionOf(type) && one.kind === type.kind;
      if (method === 'GET' && path === resourcePath(type))
        return answer(200, { kind: 'List', metadata: { resourceVersion: '1' }, items: objects.filter(of) });
      const name = method === 'POST' ? (body as KubeObject).metadata.name : (path.split('/').at(-1) ?? '');
      const known = [...objects, ...unseen].find((one) => of(one) && one.metadata.name === name);
      if (method === 'GET')
        return known === undefined ? answer(404, failure(404, 'NotFound', `${name} not found`)) : answer(200, known);
      const verb = `${VERBS[method]} ${type.kind} ${name}`;
      writes.push(method === 'DELETE' ? { verb } : { verb, object: body });
      const why = refuse[verb];
      if (why?.endsWith('already exists') === true) return answer(409, failure(409, 'AlreadyExists', why));
      if (why !== undefined) return answer(403, failure(403, 'Forbidden', why));
      const made = method === 'POST' ? { uid: `uid-of-${name}`, generation: 1, creationTimestamp: NOW_TEXT } : {};
      const object = (method === 'PATCH' ? known : body) as KubeObject | undefined;
      return answer(200, { ...object, metadata: { ...object?.metadata, ...made } });
    },
    watch: () => ({ close: () => undefined }),
  };
}

const VERBS = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

function answer(status: number, body: unknown): Promise<ApiResponse> {
  return Promise.resolve({ status, body: structuredClone(body) });
}

/** Conditions in short: `Ready=False Reason: message`; transition times are left out. */
export function conditionsOf(status: unknown): string[] {
  const { conditions = [] } = (status ?? {}) as {
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
  return conditions.map(({ type, status: is, reason = '', message = '' }) =>
    `${type}=${is} ${reason}${message === '' ? '' : `: ${message}`}`.trim(),
  );
}
