// view.js alone. Package client passes the same vectors.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {View} from '../src/view.js';

const root = path.resolve(import.meta.dirname, '../..');

/** All of its values, so that every change is seen. */
const copy = (o) => JSON.stringify(o);

for (const name of ['view.json', 'view-random.json']) {
  const vectors = JSON.parse(readFileSync(path.join(root, 'client/testdata', name), 'utf8'));
  assert.ok(vectors.length > 5);
  for (const {name, limit, steps, messages, read, unread} of vectors) {
    test(name, () => {
      const view = new View({limit});
      for (const [i, {apply, merge, same = false}] of steps.entries()) {
        const before = view.messages, was = copy(before), marker = view.read;
        const changed = merge ? view.merge(merge) : view.apply(event(apply), apply.type === 'update' ? message(apply) : apply);
        assert.equal(copy(before), was, `step ${i} changes what it has returned`);
        assert.ok(!(same && changed), `step ${i} says that it has changed something`);
        if (!changed) assert.equal(copy([view.messages, view.read]), copy([before, marker]), `step ${i} does not say that it has changed something`);
      }
      assert.deepEqual(view.messages, messages);
      assert.deepEqual([view.read, view.unread], [read, unread]);
      for (const m of view.messages) assert.equal(view.at(m.offset), m);
      assert.equal(view.at(2 ** 40), undefined);
    });
  }
}

const event = ({type}) => (type === 'private' ? 'message' : type);
const message = (o) => ({...o, type: o.to ? 'private' : 'message'});
