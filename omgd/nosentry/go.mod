module github.com/getsentry/sentry-go

go 1.26.0
