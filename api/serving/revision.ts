/** serving.knative.dev/v1 Revision: one immutable snapshot of code and configuration. */
import type { PodSpec } from '../core.ts';
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';

export interface RevisionSpec extends PodSpec {
  /** Requests at a time and pod; 0 = no limit. */
  containerConcurrency?: number;
  timeoutSeconds?: number;
  responseStartTimeoutSeconds?: number;
  idleTimeoutSeconds?: number;
}

export interface ContainerStatus {
  name: string;
  imageDigest?: string;
}

export interface RevisionStatus extends DuckStatus {
  logUrl?: string;
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
  actualReplicas?: number;
  desiredReplicas?: number;
}

export interface Revision extends KubeObject {
  spec: RevisionSpec;
  status?: RevisionStatus;
}

export const Revision = resourceType<Revision>('serving.knative.dev/v1', 'Revision', 'revisions');

/** Dependents of Ready; `Active` is informational. */
export const REVISION_CONDITIONS = ['ResourcesAvailable', 'ContainerHealthy'] as const;
