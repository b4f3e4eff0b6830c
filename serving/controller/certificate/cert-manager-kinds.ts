/** cert-manager's kinds, which a cluster may not have: looked for when first needed, cached from then on. */
import { AcmeChallenge, CertManagerCertificate, ClusterIssuer } from '../../../api/cert-manager.ts';
import { isNotFound } from '../../../kube/errors.ts';
import { controllerOf, type ObjectKey, type World } from '../../../kube/reconciler.ts';

export class CertManagerKinds {
  readonly #wake: (key: ObjectKey) => void;
  #found: Promise<boolean> | undefined;
  #known = false;

  /** @param wake called with the key of a Certificate whose counterpart changed */
  constructor(wake: (key: ObjectKey) => void) {
    this.#wake = wake;
  }

  /** @returns false where cert-manager is not installed; then it is looked for again with the next call */
  available(world: World): Promise<boolean> {
    this.#found ??= this.#look(world).then(
      (found) => {
        if (!found) this.#found = undefined;
        return found;
      },
      (error: unknown) => {
        this.#found = undefined;
        throw error;
      },
    );
    return this.#found;
  }

  /** Found before, so that its caches may be read without waiting. */
  get known(): boolean {
    return this.#known;
  }

  async #look(world: World): Promise<boolean> {
    const { client } = world;
    try {
      await client.list(CertManagerCertificate, { limit: 1 });
      await client.list(ClusterIssuer, { limit: 1 });
      await client.list(AcmeChallenge, { limit: 1 });
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
    const certificates = world.informer(CertManagerCertificate);
    await Promise.all([
      certificates.synced,
      world.informer(ClusterIssuer).synced,
      world.informer(AcmeChallenge).synced,
    ]);
    certificates.onChange((previous, current) => {
      const certificate = current ?? previous;
      const owner = certificate === undefined ? undefined : controllerOf(certificate);
      if (owner?.kind === 'Certificate') this.#wake({ namespace: certificate?.metadata.namespace, name: owner.name });
    });
    this.#known = true;
    return true;
  }
}
