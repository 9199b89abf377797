// Package chatpage is a web page for a chat server: one handler serves a whole chat
// with its page.
//
//	http.ListenAndServe("localhost:8080", chatpage.Handler(chat.New()))
//
// Open http://localhost:8080 in two tabs, with two names. The page has many rooms over one
// connection, with unread messages, mentions and notifications, history, private messages, typing
// notices and a list of members. It reconnects after a lost connection, and works by keyboard and
// on small screens. It is plain HTML, CSS and JavaScript in the binary:
// there is nothing to build and nothing to install.
//
// # Below a prefix
//
// The page finds the server by its own address, so one prefix serves both:
//
//	mux.Handle("/chat/", http.StripPrefix("/chat", chatpage.Handler(srv)))
//
// Then the page is at /chat/, with the slash at the end. A request for /chat is redirected there
// if the router passes it on. Other routers and middleware are in
// https://github.com/seed-08328bfd/chat/blob/main/docs/mounting.md.
//
// [Files] is the page without the server. [Beside] puts a server at the root beside a handler of
// yours.
//
// # With an authenticator
//
// Browsers send cookies with each request and each WebSocket of the same origin. So the page
// works with a [chat.WithAuthenticator] that reads a cookie. Users have the name that the
// authenticator gives them, or the one they typed if it gives none. A user who is refused with
// 401 reads that a login is needed, and the reason if it is one of [chat.Refuse]. The page
// itself is open to everybody. To change that, wrap the handler in the code that guards the rest
// of your site. A complete service with a login is in
// https://github.com/seed-08328bfd/chat/blob/main/docs/login.md.
//
// The page has no place to get a token from. For an authenticator that needs one, such as that
// of adapters/jwtauth, write a page of your own: chat.js takes the token as an option.
//
// # The Content-Security-Policy
//
// Every answer of the page's files has this header, in one line:
//
//	default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';
//	connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';
//	require-trusted-types-for 'script'; trusted-types 'none'
//
// The page may load its own files and talk to its own server, and nothing else. No script or
// style within the document runs, and no other page can show this one in a frame. If a browser
// knows Trusted Types, writing text into the document as HTML is an error. The page puts users'
// texts only into text nodes; the policy protects users if that goes wrong. Middleware that adds
// scripts to a page, such as live reload, does not work with it.
//
// X-Content-Type-Options, Referrer-Policy and Cross-Origin-Opener-Policy are set
// too. The answers of the chat server have none of these headers.
//
// # Browsers
//
// The page needs Chrome or Edge 111, Firefox 113 or Safari 16.4, all of 2023, or
// later. chat.js alone needs Chrome or Edge 103, Firefox 100 or Safari 16, all of
// 2022. The tests run in Chromium, and those of the main paths in Firefox too.
//
// # A page of your own
//
// chat.js is a module without dependencies, and works with any chat.Server. Serve
// [Files] with your page, and import it from there:
//
//	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
//	mux.Handle("/static/", http.StripPrefix("/static", chatpage.Files()))
//
// and in the page, whose policy must allow script-src 'self' and connect-src 'self'
// if it has one:
//
//	<script type="module">
//	  import {connect} from '/static/chat.js';
//
//	  const chat = connect('/chat/', {room: 'general', username: 'Alice'});
//	  chat.on('message', (m) => console.log(m.username, m.message));
//	  await chat.send('hello');
//	</script>
//
// connectRooms opens one connection for many rooms. If a network blocks WebSockets, chat.js uses
// plain HTTP by itself.
//
// Everything that chat.js can do is in
// https://github.com/seed-08328bfd/chat/blob/main/js/README.md,
// and the objects that it sends are in
// https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md.
//
// [chat.Refuse]: https://pkg.go.dev/github.com/seed-08328bfd/chat#Refuse
// [chat.WithAuthenticator]: https://pkg.go.dev/github.com/seed-08328bfd/chat#WithAuthenticator
package chatpage
