/** The Deployment of a Revision. Source: reference section 2.2. */
import { Deployment } from '../../../../api/core.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { Revision } from '../../../../api/serving/revision.ts';
import { childName } from '../../../../kube/names.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import { parseDuration } from '../../../../kube/go-duration.ts';
import {
  APP_LABEL,
  DEFAULT_CONTAINER,
  DEPLOYMENT_HASH_LABEL,
  firstOf,
  INITIAL_SCALE,
  PROGRESS_DEADLINE,
  REVISION_UID_LABEL,
  union,
  without,
  type StringMap,
} from '../../keys.ts';
import { childAnnotations, childLabels } from './metadata.ts';
import { makePodSpec, type PodConfig } from './pod.ts';
import { servingContainer } from './port.ts';

export function deploymentName(revision: Revision): string {
  return childName(revision.metadata.name, '-deployment');
}

export function makeDeployment(revision: Revision, config: PodConfig): Deployment {
  const { namespace, uid = '', annotations } = revision.metadata;
  const labels = childLabels(revision);
  const initialScale = firstOf(annotations, INITIAL_SCALE);
  const deadline = parseDuration(firstOf(annotations, PROGRESS_DEADLINE) ?? '') ?? config.deployment.progressDeadline;
  const defaultContainer = servingContainer(revision.spec.containers)?.name ?? '';
  const deployment: Deployment = {
    apiVersion: apiVersionOf(Deployment),
    kind: Deployment.kind,
    metadata: {
      name: deploymentName(revision),
      namespace,
      labels,
      annotations: childAnnotations(revision),
      ownerReferences: [controllerRef(revision, Revision)],
    },
    spec: {
      replicas: initialScale === undefined ? config.autoscaler.initialScale : Number(initialScale),
      selector: { matchLabels: { [REVISION_UID_LABEL]: uid } },
      progressDeadlineSeconds: Math.floor(deadline / 1000),
      revisionHistoryLimit: 0,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: { ...labels },
          annotations: {
            ...childAnnotations(revision),
            ...(defaultContainer === '' ? {} : { [DEFAULT_CONTAINER]: defaultContainer }),
          },
        },
        spec: makePodSpec(revision, config),
      },
    },
  };
  const hash = deploymentHash(deployment);
  return { ...deployment, metadata: { ...deployment.metadata, labels: { ...labels, [DEPLOYMENT_HASH_LABEL]: hash } } };
}

/** The existing Deployment when nothing that we decide has changed, else brought up to date: scale is not ours. */
export function updateDeployment(existing: Deployment, desired: Deployment): Deployment {
  if (existing.metadata.labels?.[DEPLOYMENT_HASH_LABEL] === desired.metadata.labels?.[DEPLOYMENT_HASH_LABEL])
    return existing;
  if (existing.spec === undefined || desired.spec === undefined) return existing;
  const { template } = desired.spec;
  return {
    ...existing,
    metadata: keepOthers(existing.metadata, desired.metadata),
    spec: {
      ...desired.spec,
      replicas: existing.spec.replicas,
      selector: existing.spec.selector,
      template: { ...template, metadata: keepOthers(existing.spec.template.metadata ?? {}, template.metadata ?? {}) },
    },
  };
}

interface Annotated {
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
}

/** Labels and annotations of others (`kubectl rollout restart`, a service mesh) stay; ours are as desired. */
function keepOthers<T extends Annotated>(existing: T, desired: Annotated): T {
  const isOurs = (key: string) => key === APP_LABEL || key.includes('knative.dev/');
  return {
    ...existing,
    labels: union(without(existing.labels, isOurs), desired.labels),
    annotations: union(without(existing.annotations, isOurs), desired.annotations),
  };
}

/** FNV-1a of what we ask for, in base 36: a difference means that a Revision or a ConfigMap changed. */
function deploymentHash(deployment: Deployment): string {
  const { labels, annotations } = deployment.metadata;
  const text = JSON.stringify([sorted(deployment.spec), sorted(labels), sorted(annotations)]);
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(36);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
