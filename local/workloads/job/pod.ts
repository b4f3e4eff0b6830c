/** Makes a pod of a Job. */
import { Job, type Container, type Pod } from '../../../api/core.ts';
import { makePod, randomName } from '../pod-template.ts';
import { INDEX_ANNOTATION } from './indexes.ts';

/** Keeps a pod until the Job has counted it. */
export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';

/** @param index the completion index of an Indexed Job's pod */
export function makeJobPod(job: Job, index: number | undefined): Pod {
  const { name } = job.metadata;
  const pod = makePod(job, Job, job.spec?.template, index === undefined ? undefined : randomName(`${name}-${index}-`));
  const finalizers = [...(pod.metadata.finalizers ?? []), TRACKING_FINALIZER];
  if (index === undefined) return { ...pod, metadata: { ...pod.metadata, finalizers } };
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      finalizers,
      labels: { ...pod.metadata.labels, [INDEX_ANNOTATION]: String(index) },
      annotations: { ...pod.metadata.annotations, [INDEX_ANNOTATION]: String(index) },
    },
    spec: pod.spec && {
      ...pod.spec,
      hostname: pod.spec.hostname ?? `${name}-${index}`.slice(0, 63),
      containers: pod.spec.containers.map(withIndex),
      initContainers: pod.spec.initContainers?.map(withIndex),
    },
  };
}

function withIndex(container: Container): Container {
  const env = container.env ?? [];
  if (env.some(({ name }) => name === 'JOB_COMPLETION_INDEX')) return container;
  const fieldRef = { fieldPath: `metadata.annotations['${INDEX_ANNOTATION}']` };
  return { ...container, env: [...env, { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef } }] };
}

/** Why a pod counts as finished for its Job; `undefined` while it may still do its work. */
export function outcomeOf(pod: Pod): 'succeeded' | 'failed' | undefined {
  if (pod.status?.phase === 'Succeeded') return 'succeeded';
  if (pod.status?.phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined) return 'failed';
  return undefined;
}

export function isTracked(pod: Pod): boolean {
  return (pod.metadata.finalizers ?? []).includes(TRACKING_FINALIZER);
}
