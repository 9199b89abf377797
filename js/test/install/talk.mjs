// A program that uses the installed package. Its last line of output is what it has seen.

import {connect} from '@seed-08328bfd/chat';
import {View} from '@seed-08328bfd/chat/view';

const chat = connect(process.argv[2], {room: 'r', username: 'Program'}), view = new View(), events = chat.events('message', 'reaction');
view.follow(chat);
await chat.ready();
const {offset} = await chat.send('hello');
await chat.react(offset, ':wave:');
const {value} = await events.next();
await events.next(); // the reaction: over HTTP its result may come first
const {messages} = await chat.history();
console.log(JSON.stringify({got: value.detail.message, history: messages.map((m) => m.message), reactions: view.at(offset).reactions.length, transport: chat.transport}));
chat.close();
