/**
 * Defaulting and validation of a kind, as pure functions. The embedded API server calls them in-process; on a cluster
 * a webhook server does (kube/webhook), with the same context.
 */
import type { KubeObject } from '../api/object.ts';
import type { ResourceType } from '../api/resource.ts';
import type { Status } from './errors.ts';
import type { Transport } from './transport.ts';

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
  /** What only the API server can tell of an object that `validate` allowed; undefined when there is nothing to ask. */
  question?(object: T, old: T | undefined, context: AdmissionContext): AdmissionQuestion | undefined;
}

/** A check that takes its time: put to the API server, with the rights of whoever runs the admission. */
export type AdmissionQuestion = (api: Transport) => Promise<AdmissionVerdict>;
