/**
 * Defaulting and validation of a kind, as pure functions. The embedded API server calls them in-process; on a cluster
 * a webhook server does, with the same context.
 */
import type { KubeObject } from '../api/object.ts';
import type { ResourceType } from '../api/resource.ts';
import type { Status } from './errors.ts';

export interface AdmissionContext {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly subresource: string | undefined;
  readonly dryRun: boolean;
  readonly username: string;
  /** RFC 3339, the time of the request. */
  readonly now: string;
  /** Data of a ConfigMap without `_example`, `{}` when absent. */
  config(namespace: string, name: string): Readonly<Record<string, string>>;
}

export interface AdmissionVerdict {
  /** Present when the request is denied. */
  readonly denied?: Status;
  readonly warnings?: readonly string[];
}

export interface Admission<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>;
  /** Returns the defaulted object (a new one, or the same when nothing changes). Not called for DELETE. */
  default?(object: T, old: T | undefined, context: AdmissionContext): T;
  validate?(object: T, old: T | undefined, context: AdmissionContext): AdmissionVerdict;
}
