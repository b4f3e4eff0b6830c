/** Failures of the node agent that a user can mend; every message says what to do. */

export type NodeErrorCode =
  | 'InvalidReference'
  | 'ImageNotFound'
  | 'NoStartCommand'
  | 'ImageTooLarge'
  | 'UnsupportedFile'
  | 'NotAFolder'
  | 'NoFreeAddress'
  | 'NoFreePort'
  | 'CreateContainerConfigError'
  | 'FailedMount';

export class NodeError extends Error {
  readonly code: NodeErrorCode;

  constructor(code: NodeErrorCode, message: string) {
    super(message);
    this.name = 'NodeError';
    this.code = code;
  }
}

export const imageNotFound = (reference: string, name: string): NodeError =>
  new NodeError('ImageNotFound', `image "${reference}" is not in the store; run: zeroth build DIR -t ${name}`);
