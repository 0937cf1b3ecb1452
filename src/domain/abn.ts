/** The weights of an Australian Business Number's eleven digits, as the Australian Business Register publishes them. */
const weights = [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19];

/** Whether a text is an ABN, with or without blanks: eleven digits whose weighted sum, the first digit less one, is a multiple of 89. */
export function isAbn(text: string): boolean {
  const digits = text.replaceAll(' ', '');
  if (!/^\d{11}$/.test(digits)) return false;
  const sum = weights.reduce(
    (total, weight, index) => total + weight * (Number(digits[index]) - (index === 0 ? 1 : 0)),
    0,
  );
  return sum % 89 === 0;
}

/** An ABN as it is printed: `51 824 753 556`. Any other text stays as it is. */
export function formatAbn(text: string): string {
  if (!isAbn(text)) return text;
  return text.replaceAll(' ', '').replace(/^(\d\d)(\d{3})(\d{3})(\d{3})$/, '$1 $2 $3 $4');
}
