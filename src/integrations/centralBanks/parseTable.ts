import { CsvError, parse } from 'csv-parse/sync';
import { unreadable } from './centralBank.ts';

/** The rows of a CSV with their cells trimmed; rows without any text are left out. @throws CentralBankError `rates_unreadable` */
export function parseTable(text: string): string[][] {
  try {
    return parse(text, {
      bom: true,
      trim: true,
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
    });
  } catch (error) {
    if (error instanceof CsvError) throw unreadable(error.message);
    throw error;
  }
}
