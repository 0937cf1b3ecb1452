/** A reason why the set-up cannot go on, in words for the person who started it: what is wrong, then what to do. */
export class SetupProblem extends Error {
  /** @param {string} code snake_case name of the problem */
  constructor(code, message) {
    super(message);
    this.name = 'SetupProblem';
    this.code = code;
  }
}
