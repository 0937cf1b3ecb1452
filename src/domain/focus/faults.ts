import { ArcadiaError } from '../errors.ts';

/** One place where a file breaks the specification. Rows are counted as a spreadsheet does: the header is row 1. */
export interface FocusFault {
  readonly row: number;
  readonly column: string | null;
  /** As the file has it, cut at 100 characters; null where nothing is there. */
  readonly value: string | null;
  /** What may stand there instead. */
  readonly allowed: string;
}

/** Something that the specification does not say and that is accepted all the same, in how many rows. */
export interface FocusNote {
  readonly code: string;
  readonly column: string | null;
  readonly rows: number;
}

/** A file of which nothing is taken. */
export class FocusFileRefused extends ArcadiaError {
  readonly faults: readonly FocusFault[];

  constructor(faults: readonly FocusFault[], hasMore: boolean) {
    const [first] = faults;
    super(
      'focus_file_refused',
      `the file breaks the specification in ${hasMore ? `at least ${faults.length}` : faults.length} place(s); the first: ${first === undefined ? '' : describeFault(first)}`,
      { context: { faults: faults.map((fault) => ({ ...fault })), hasMore } },
    );
    this.faults = faults;
  }
}

/** How many places are named; a file that is wrong throughout is told from one that has a slip by fewer. */
const mostFaults = 50;
const longestValue = 100;

/** What is found while a file is read: faults, of which the first decides that it is refused, and notes. */
export interface FocusFindings {
  /** @throws FocusFileRefused once there are as many as are named */
  readonly fault: (row: number, column: string | null, value: string | null, allowed: string) => void;
  readonly note: (code: string, column: string | null) => void;
  readonly hasFaults: () => boolean;
  /** @throws FocusFileRefused where any fault was found */
  readonly refuseFaults: () => void;
  readonly notes: () => FocusNote[];
}

export function createFocusFindings(): FocusFindings {
  const faults: FocusFault[] = [];
  const notes = new Map<string, { code: string; column: string | null; rows: number }>();
  return {
    fault(row, column, value, allowed) {
      faults.push({ row, column, value: value === null ? null : value.slice(0, longestValue), allowed });
      if (faults.length === mostFaults) throw new FocusFileRefused(faults, true);
    },
    note(code, column) {
      const key = `${code} ${column}`;
      const known = notes.get(key);
      if (known === undefined) notes.set(key, { code, column, rows: 1 });
      else known.rows += 1;
    },
    hasFaults: () => faults.length > 0,
    refuseFaults() {
      if (faults.length > 0) throw new FocusFileRefused(faults, false);
    },
    notes: () => [...notes.values()],
  };
}

function describeFault({ row, column, value, allowed }: FocusFault): string {
  const place = column === null ? `row ${row}` : `row ${row}, column ${column}`;
  return `${place}: ${value === null ? 'nothing' : `"${value}"`} where ${allowed} is expected`;
}
