/** networking.internal.knative.dev/v1alpha1 ServerlessService: the Kubernetes Services of one revision. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';

export interface ServerlessService extends KubeObject {
  spec: {
    mode: 'Serve' | 'Proxy';
    objectRef: {
      apiVersion: string;
      kind: string;
      name: string;
      /** These are refused. */
      fieldPath?: string;
      namespace?: string;
      resourceVersion?: string;
      uid?: string;
    };
    protocolType: 'http1' | 'h2c';
    numActivators?: number;
  };
  status?: DuckStatus & { serviceName?: string; privateServiceName?: string };
}

export const ServerlessService = resourceType<ServerlessService>(
  'networking.internal.knative.dev/v1alpha1',
  'ServerlessService',
  'serverlessservices',
);

export const SERVERLESS_SERVICE_CONDITIONS = ['EndpointsPopulated'] as const;

/** Label of a revision's Kubernetes Services and EndpointSlices. */
export const SERVICE_TYPE_LABEL = 'networking.internal.knative.dev/serviceType';
