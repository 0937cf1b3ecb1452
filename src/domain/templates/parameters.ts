import { Unprocessable } from '../errors.ts';

export type ParameterValue = string | number | boolean | readonly string[];
/** What was given, with the defaults of what wasn't. */
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/** What a parameter takes; plain JSON, as it is shown to operators. */
export interface TemplateParameter {
  readonly name: string;
  readonly type: 'text' | 'integer' | 'boolean' | 'text_list';
  readonly description: string;
  readonly required: boolean;
  readonly default?: ParameterValue;
  /** A regular expression that a text, or each of a list, matches as a whole. */
  readonly pattern?: string;
  /** Of an integer. */
  readonly minimum?: number;
  /** Of an integer, or of the length of a list. */
  readonly maximum?: number;
}

/** A parameter that a template doesn't take, with a JSON pointer into the parameters: `/size_slug`, `/tags/1`. */
export interface ParameterFault {
  readonly pointer: string;
  readonly detail: string;
}

/** Parameters that a template doesn't take. */
export class ParametersInvalid extends Unprocessable {
  readonly faults: readonly ParameterFault[];

  constructor(faults: readonly ParameterFault[]) {
    const [first] = faults;
    super(
      'parameters_invalid',
      `The template doesn't take these parameters: ${faults.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ')}.`,
      {
        context: { faults: faults.map((fault) => ({ ...fault })) },
        ...(first && { field: `parameters${first.pointer}` }),
      },
    );
    this.faults = faults;
  }
}

/** Every fault at once: what is missing, what is no value of its parameter, what the template has no parameter for. */
export function faultsOf(parameters: readonly TemplateParameter[], given: unknown): ParameterFault[] {
  if (!isObject(given)) return [{ pointer: '', detail: 'must be an object' }];
  const names = new Set(parameters.map(({ name }) => name));
  return [
    ...parameters.flatMap((parameter) => {
      const value = Object.hasOwn(given, parameter.name) ? given[parameter.name] : undefined;
      if (value !== undefined) return faultsOfValue(parameter, value);
      return parameter.required ? [{ pointer: `/${parameter.name}`, detail: 'is required' }] : [];
    }),
    ...Object.keys(given)
      .filter((name) => !names.has(name))
      .map((name) => ({ pointer: `/${escaped(name)}`, detail: 'is not known here' })),
  ];
}

/** The values, with defaults. @throws ParametersInvalid with all faults */
export function readParameters(parameters: readonly TemplateParameter[], given: unknown): ParameterValues {
  const faults = faultsOf(parameters, given);
  if (faults.length > 0 || !isObject(given)) throw new ParametersInvalid(faults);
  const values: Record<string, ParameterValue> = {};
  for (const { name, default: byDefault } of parameters) {
    const value = Object.hasOwn(given, name) ? given[name] : byDefault;
    if (isValue(value)) values[name] = value;
  }
  return values;
}

function faultsOfValue(parameter: TemplateParameter, value: unknown): ParameterFault[] {
  const pointer = `/${parameter.name}`;
  switch (parameter.type) {
    case 'boolean':
      return typeof value === 'boolean' ? [] : [{ pointer, detail: 'must be true or false' }];
    case 'integer':
      return integerFaults(parameter, value).map((detail) => ({ pointer, detail }));
    case 'text':
      return textFaults(parameter, value).map((detail) => ({ pointer, detail }));
    case 'text_list':
      return listFaults(parameter, value);
  }
}

function integerFaults({ minimum, maximum }: TemplateParameter, value: unknown): string[] {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return ['must be a whole number'];
  if (minimum !== undefined && value < minimum) return [`must be at least ${minimum}`];
  return maximum !== undefined && value > maximum ? [`must be at most ${maximum}`] : [];
}

function textFaults({ pattern }: TemplateParameter, value: unknown): string[] {
  if (typeof value !== 'string') return ['must be a text'];
  return pattern === undefined || new RegExp(`^(?:${pattern})$`).test(value) ? [] : [`must match ${pattern}`];
}

function listFaults(parameter: TemplateParameter, value: unknown): ParameterFault[] {
  const { name, maximum } = parameter;
  if (!Array.isArray(value)) return [{ pointer: `/${name}`, detail: 'must be a list of texts' }];
  if (maximum !== undefined && value.length > maximum) {
    return [{ pointer: `/${name}`, detail: `must have at most ${maximum} entries` }];
  }
  return value.flatMap((element: unknown, index) =>
    textFaults(parameter, element).map((detail) => ({ pointer: `/${name}/${index}`, detail })),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isValue(value: unknown): value is ParameterValue {
  return ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value);
}

/** A name in a JSON pointer (RFC 6901). */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Readers of values that were read by their parameters; a RangeError is a template that asks for what it has no parameter for. */
export function textOf(values: ParameterValues, name: string): string {
  const value = values[name];
  if (typeof value !== 'string') throw new RangeError(`the template has no text parameter ${name}`);
  return value;
}

export function optionalTextOf(values: ParameterValues, name: string): string | null {
  return values[name] === undefined ? null : textOf(values, name);
}

export function integerOf(values: ParameterValues, name: string): number {
  const value = values[name];
  if (typeof value !== 'number') throw new RangeError(`the template has no integer parameter ${name}`);
  return value;
}

export function flagOf(values: ParameterValues, name: string): boolean {
  const value = values[name];
  if (typeof value !== 'boolean') throw new RangeError(`the template has no boolean parameter ${name}`);
  return value;
}

export function textsOf(values: ParameterValues, name: string): readonly string[] {
  const value = values[name];
  if (typeof value !== 'object') throw new RangeError(`the template has no list parameter ${name}`);
  return value;
}
