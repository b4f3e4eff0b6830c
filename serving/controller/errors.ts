/** Errors of the serving controllers. */
import { GATEWAY_CA_SECRET } from '../../api/zeroth.ts';
import { messageOf } from '../../kube/message.ts';

/** A name that we need is taken by an object that belongs to somebody else. */
export class NotOwnedError extends Error {
  readonly kind: string;
  readonly objectName: string;

  constructor(kind: string, objectName: string) {
    super(`There is an existing ${kind} ${JSON.stringify(objectName)} that we do not own.`);
    this.name = 'NotOwnedError';
    this.kind = kind;
    this.objectName = objectName;
  }
}

/** A pass that could not go on; `cause` is what stopped it. The text is what the Event says. */
export class ReconcileError extends Error {
  constructor(message: string, cause?: unknown) {
    super(cause === undefined ? message : `${message}: ${messageOf(cause)}`, { cause });
    this.name = 'ReconcileError';
  }
}

/** A Route whose template and labels do not give a valid host name. */
export class DomainNameError extends Error {
  constructor(message: string) {
    super(`domain name error: ${message}`);
    this.name = 'DomainNameError';
  }
}

/** An image reference that has no digest. `message` is what the Revision's condition says. */
export class ImageUnresolvedError extends Error {
  readonly image: string;

  constructor(image: string, cause: unknown) {
    super(`Unable to fetch image ${JSON.stringify(image)}: failed to resolve image to digest: ${messageOf(cause)}`);
    this.name = 'ImageUnresolvedError';
    this.image = image;
  }
}

/** The CA in the Secret is none that we can issue from. The text is what the Certificate's condition says. */
export class CertificateAuthorityError extends Error {
  constructor(problem: string) {
    super(
      `Secret "${GATEWAY_CA_SECRET}" of the system namespace holds no CA that can issue certificates: ${problem}. Delete it to have a new one made.`,
    );
    this.name = 'CertificateAuthorityError';
  }
}
