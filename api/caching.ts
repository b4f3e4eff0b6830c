/** caching.internal.knative.dev/v1alpha1 Image: an image that a node should keep at hand. */
import type { DuckStatus, KubeObject } from './object.ts';
import { resourceType } from './resource.ts';

export interface Image extends KubeObject {
  spec: { image: string; serviceAccountName?: string; imagePullSecrets?: { name?: string }[] };
  status?: DuckStatus;
}

export const Image = resourceType<Image>('caching.internal.knative.dev/v1alpha1', 'Image', 'images');
