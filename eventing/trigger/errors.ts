/** What can go wrong in this room and is the user's to mend; each has a stable code. */

export type TriggerErrorCode = 'InvalidPeriod' | 'InvalidFilter' | 'Unresolved' | 'KindUnknown';

export class TriggerError extends Error {
  readonly code: TriggerErrorCode;

  constructor(code: TriggerErrorCode, message: string) {
    super(message);
    this.name = 'TriggerError';
    this.code = code;
  }
}
