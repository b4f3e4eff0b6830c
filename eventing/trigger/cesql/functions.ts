/** The built-in functions. Characters are Unicode code points. Source: CloudEvents Expression Language 1.0, section 3.5. */
import { CesqlError, type CesqlType, type CesqlValue } from './ast.ts';
import { toBoolean, toInteger, type Cast } from './cast.ts';

export interface CesqlFunction {
  /** Types the arguments are cast to; `undefined` leaves one as it is. */
  readonly parameters: readonly (CesqlType | undefined)[];
  /** Type of any further arguments; absent when there may be none. */
  readonly rest?: CesqlType;
  readonly returns: CesqlType;
  readonly run: (args: readonly CesqlValue[]) => Cast;
}

const text = (value: CesqlValue | undefined): string => String(value);
const integer = (value: CesqlValue | undefined): number => Number(value);
const failure = (message: string): CesqlError => new CesqlError('functionEvaluation', message);
const LOWEST = -(2 ** 31);

/** By name in upper case; the same name with another number of arguments is another function. */
const FUNCTIONS: Readonly<Record<string, readonly CesqlFunction[]>> = {
  LENGTH: [{ parameters: ['String'], returns: 'Integer', run: ([x]) => ({ value: [...text(x)].length }) }],
  CONCAT: [{ parameters: [], rest: 'String', returns: 'String', run: (all) => ({ value: all.join('') }) }],
  CONCAT_WS: [
    {
      parameters: ['String'],
      rest: 'String',
      returns: 'String',
      run: ([delimiter, ...all]) => ({ value: all.join(text(delimiter)) }),
    },
  ],
  LOWER: [{ parameters: ['String'], returns: 'String', run: ([x]) => ({ value: text(x).toLowerCase() }) }],
  UPPER: [{ parameters: ['String'], returns: 'String', run: ([x]) => ({ value: text(x).toUpperCase() }) }],
  TRIM: [
    {
      parameters: ['String'],
      returns: 'String',
      run: ([x]) => ({ value: text(x).replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '') }),
    },
  ],
  LEFT: [{ parameters: ['String', 'Integer'], returns: 'String', run: ([x, n]) => cut(text(x), integer(n), 'left') }],
  RIGHT: [{ parameters: ['String', 'Integer'], returns: 'String', run: ([x, n]) => cut(text(x), integer(n), 'right') }],
  SUBSTRING: [
    {
      parameters: ['String', 'Integer'],
      returns: 'String',
      run: ([x, position]) => substring(text(x), integer(position), Infinity),
    },
    {
      parameters: ['String', 'Integer', 'Integer'],
      returns: 'String',
      run: ([x, position, length]) => substring(text(x), integer(position), integer(length)),
    },
  ],
  ABS: [{ parameters: ['Integer'], returns: 'Integer', run: ([x]) => absolute(integer(x)) }],
  INT: [{ parameters: [undefined], returns: 'Integer', run: ([x = 0]) => toInteger(x) }],
  BOOL: [{ parameters: [undefined], returns: 'Boolean', run: ([x = false]) => toBoolean(x) }],
  STRING: [{ parameters: ['String'], returns: 'String', run: ([x = '']) => ({ value: x }) }],
  IS_INT: [
    { parameters: [undefined], returns: 'Boolean', run: ([x = 0]) => ({ value: toInteger(x).error === undefined }) },
  ],
  IS_BOOL: [
    { parameters: [undefined], returns: 'Boolean', run: ([x = '']) => ({ value: toBoolean(x).error === undefined }) },
  ],
};

/** Undefined when there is none of that name for that many arguments. */
export function findFunction(name: string, args: number): CesqlFunction | undefined {
  if (!Object.hasOwn(FUNCTIONS, name)) return undefined;
  return FUNCTIONS[name]?.find(({ parameters, rest }) =>
    rest === undefined ? args === parameters.length : args >= parameters.length,
  );
}

function cut(x: string, n: number, side: 'left' | 'right'): Cast {
  if (n < 0) return { value: x, error: failure('the number of characters is negative') };
  const characters = [...x];
  if (n >= characters.length) return { value: x };
  return { value: (side === 'left' ? characters.slice(0, n) : characters.slice(characters.length - n)).join('') };
}

function substring(x: string, position: number, length: number): Cast {
  const characters = [...x];
  if (position > characters.length || position < -characters.length)
    return { value: '', error: failure(`position ${position} lies outside of the string`) };
  if (length < 0) return { value: '', error: failure('the length is negative') };
  if (position === 0) return { value: '' };
  const start = position > 0 ? position - 1 : characters.length + position;
  return { value: characters.slice(start, start + length).join('') };
}

function absolute(x: number): Cast {
  if (x === LOWEST) return { value: 2 ** 31 - 1, error: new CesqlError('math', 'the absolute value exceeds 32 bits') };
  return { value: Math.abs(x) };
}
