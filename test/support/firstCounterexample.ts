import fc from 'fast-check';

/** For mutation tests: a counterexample is enough, nobody reads the smallest one, and looking for it takes longer than the time-out. */
fc.configureGlobal({ endOnFailure: true });
