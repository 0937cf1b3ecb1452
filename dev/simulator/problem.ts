/** An answer other than success, in the provider's form: `{id, message}`. */
export class Problem extends Error {
  readonly status: number;
  readonly id: string;

  constructor(status: number, id: string, message: string) {
    super(message);
    this.status = status;
    this.id = id;
  }
}

export function notFound(): Problem {
  return new Problem(404, 'not_found', 'The resource you requested could not be found.');
}

export function conflict(message: string): Problem {
  return new Problem(409, 'conflict', message);
}

export function unprocessable(message: string): Problem {
  return new Problem(422, 'unprocessable_entity', message);
}
