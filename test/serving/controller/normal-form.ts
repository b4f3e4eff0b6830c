/** What the controllers have made in a namespace, without what differs from run to run: uids, times, addresses. */
import { PodAutoscaler } from '../../../api/autoscaling/pod-autoscaler.ts';
import { Image } from '../../../api/caching.ts';
import { Deployment, Service as KubeService } from '../../../api/core.ts';
import { ClusterDomainClaim } from '../../../api/networking/certificate.ts';
import { Ingress } from '../../../api/networking/ingress.ts';
import { ServerlessService } from '../../../api/networking/serverless-service.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { ResourceType } from '../../../api/resource.ts';
import { Configuration } from '../../../api/serving/configuration.ts';
import { DomainMapping } from '../../../api/serving/domain-mapping.ts';
import { Revision } from '../../../api/serving/revision.ts';
import { Route } from '../../../api/serving/route.ts';
import { Service } from '../../../api/serving/service.ts';
import type { Client } from '../../../kube/client.ts';

/** Kinds with a status of the serving controllers'. */
const OURS = [Service, Configuration, Revision, Route, DomainMapping, ClusterDomainClaim] as unknown as ResourceType[];
const CHILDREN = [
  Ingress,
  Image,
  KubeService,
  Deployment,
  PodAutoscaler,
  ServerlessService,
] as unknown as ResourceType[];

/** Of the moment, or of the autoscaler. */
const VOLATILE: readonly string[] = [
  'lastTransitionTime',
  'serving.knative.dev/routingStateModified',
  'serving.knative.dev/deployment-hash',
  'clusterIP',
  'clusterIPs',
  'replicas',
  'numActivators',
  'mode',
  'actualReplicas',
  'desiredReplicas',
];

/** One text an object, sorted; uids are told as the kind and name of what has them, the namespace as `NS`. */
export async function normalForm(client: Client, namespace: string): Promise<string[]> {
  const lists = await Promise.all(
    [...OURS, ...CHILDREN].map(async (type) =>
      (await client.list<KubeObject>(type, type.namespaced ? { namespace } : {})).items.map((object) => ({
        type,
        object,
      })),
    ),
  );
  const all = lists
    .flat()
    .filter(({ type, object }) => type.namespaced || object.metadata.name.includes(namespace))
    .map(({ type, object }) => ({ type, object: object as KubeObject & { spec?: unknown; status?: unknown } }));
  const uids = new Map(all.map(({ object }) => [object.metadata.uid ?? '', `${object.kind}/${object.metadata.name}`]));
  return all
    .map(({ type, object: { kind, metadata, spec, status } }) => {
      const { name, labels, annotations, ownerReferences, finalizers } = metadata;
      const told = { kind, name, labels, annotations, ownerReferences, finalizers, spec };
      const text = JSON.stringify(sorted(OURS.includes(type) ? { ...told, status } : told));
      return [...uids].reduce((known, [uid, whose]) => known.replaceAll(uid, whose), text).replaceAll(namespace, 'NS');
    })
    .sort();
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => item !== undefined && !VOLATILE.includes(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
