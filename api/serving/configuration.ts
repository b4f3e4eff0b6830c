/** serving.knative.dev/v1 Configuration: the template that makes Revisions. */
import type { DuckStatus, KubeObject, ObjectMeta } from '../object.ts';
import { resourceType } from '../resource.ts';
import type { RevisionSpec } from './revision.ts';

export interface RevisionTemplate {
  metadata?: Partial<ObjectMeta>;
  spec: RevisionSpec;
}

export interface ConfigurationSpec {
  template: RevisionTemplate;
}

export interface ConfigurationStatusFields {
  latestCreatedRevisionName?: string;
  latestReadyRevisionName?: string;
}

export interface ConfigurationStatus extends DuckStatus, ConfigurationStatusFields {}

export interface Configuration extends KubeObject {
  spec: ConfigurationSpec;
  status?: ConfigurationStatus;
}

export const Configuration = resourceType<Configuration>('serving.knative.dev/v1', 'Configuration', 'configurations');

export const CONFIGURATION_CONDITIONS = [] as const;
