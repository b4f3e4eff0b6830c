/** One Image a container: what a node may fetch ahead of the pod. Source: reference section 2.1. */
import { Image } from '../../../../api/caching.ts';
import { apiVersionOf } from '../../../../api/resource.ts';
import { Revision } from '../../../../api/serving/revision.ts';
import { childName } from '../../../../kube/names.ts';
import { controllerRef } from '../../../../kube/reconciler.ts';
import { childAnnotations, childLabels } from './metadata.ts';

export function imageName(revision: Revision, container: string): string {
  return childName(childName(revision.metadata.name, '-cache'), `-${container}`);
}

export function makeImage(revision: Revision, container: string, image: string): Image {
  const { serviceAccountName, imagePullSecrets } = revision.spec;
  return {
    apiVersion: apiVersionOf(Image),
    kind: Image.kind,
    metadata: {
      name: imageName(revision, container),
      namespace: revision.metadata.namespace,
      labels: childLabels(revision),
      annotations: childAnnotations(revision),
      ownerReferences: [controllerRef(revision, Revision)],
    },
    spec: {
      image,
      ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
      ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    },
  };
}
