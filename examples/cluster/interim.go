package main

import "net/http"

var page pageT

type pageT struct{}

func (pageT) Handler() http.Handler { return http.NotFoundHandler() }
