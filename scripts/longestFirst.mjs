import Sequencer from '@jest/test-sequencer';

/** Test files that take most of a minute or more, the longest first. What they do there is mostly waiting. */
const long = [
  /\/test\/dev\/start\./,
  /\/test\/journeys\/outages\./,
  /\/test\/api\/badRequestsEverywhere\./,
  /\/test\/workflows\/decommissionDeployment\./,
  /\/test\/workflows\/provisionDeployment\./,
  /\/test\/journeys\//,
  /\/test\/workflows\/revertDrift/,
  /\/test\/workflows\/rollUpPeriod\./,
];

/**
 * Jest begins with the files that took longest the last time, and in a fresh clone with the largest ones. The long ones are not large: they
 * would come last, with nothing left to run beside them.
 */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ path }) => {
      const index = long.findIndex((pattern) => pattern.test(path));
      return index === -1 ? long.length : index;
    };
    return super.sort(tests).toSorted((one, other) => place(one) - place(other));
  }
}
